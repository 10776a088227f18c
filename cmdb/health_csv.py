"""Health as CSV (RFC 4180) that a spreadsheet may open: no cell is taken for a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

from cmdb.health_schemas import FindingOut, HealthNumbers, HealthReport

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
FINDING_COLUMNS = (
    *("severity", "check", "category", "id", "name", "ci_class", "owner", "sources"),
    *("detail", "remedy"),
)
_NUMBERS = tuple(HealthNumbers.model_fields)
REPORT_COLUMNS = ("part", "name", *_NUMBERS)


def findings_csv(findings: Iterable[FindingOut]) -> Iterator[str]:
    """A line for each finding, the header first."""
    yield line(FINDING_COLUMNS)
    for each in findings:
        ci = (each.ci.id, each.ci.name, each.ci.ci_class)
        yield line(
            (
                *(each.severity.value, each.check, each.category.value, *ci),
                *(each.owner, ";".join(each.sources), each.detail, each.remedy),
            )
        )


def report_csv(report: HealthReport) -> Iterator[str]:
    """A line for the whole, each class, source and owner, the header first."""
    yield line(REPORT_COLUMNS)
    yield line(("all", "", *(getattr(report, name) for name in _NUMBERS)))
    parts = (("ci_class", report.classes), ("source", report.sources), ("owner", report.owners))
    for part, rows in parts:
        for each in rows:
            yield line((part, each.name, *(getattr(each, name) for name in _NUMBERS)))


def line(cells: Sequence[Any]) -> str:
    """One line of CSV with its end. Line breaks inside a cell become blanks."""
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([cell(each) for each in cells])
    return text.getvalue()


def cell(value: Any) -> Any:
    """A value as a cell: a text that a spreadsheet would calculate gets an apostrophe in front."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split()) if any(char in value for char in "\r\n\t\v\f") else value
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
