"""The report of a load for people: what became of the records, and every problem with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from api.cli import plan_text
from api.cli.terminal import plain, stdout

_FATES = ("created", "updated", "unchanged", "retired", "rejected", "in_review")
_MOST_NAMED = 10
_STYLES = {"error": "bold red", "warning": "yellow"}

Report = Mapping[str, Any]
"""An import report of the API, of an inventory or of records."""


def show(report: Report) -> None:
    """The whole report."""
    stdout.print(_headline(report))
    for line in _formats(report.get("recognised") or []):
        stdout.print(plain(line, "dim"))
    if report.get("mapping"):
        stdout.print(plain(f"mapping: {report['mapping']}", "dim"))
    counts = _counts(report)
    if counts.row_count:
        stdout.print(counts)
    if report.get("plan"):
        plan_text.show(report["plan"])
    problems = report.get("problems") or []
    if problems:
        stdout.print()
        stdout.print(_problem_table(problems))
        total = sum((report.get("problem_counts") or {}).values())
        if total > len(problems):
            stdout.print(plain(f"… and {total - len(problems)} more problems", "dim"))


def _formats(recognised: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What each file was read as; of many files, how many of each format."""
    if len(recognised) > _MOST_NAMED:
        for name, count in Counter(each["format"] for each in recognised).items():
            yield f"{count:,} {'file' if count == 1 else 'files'}: {name}"
        return
    for each in recognised:
        yield f"{each['file']}: {each['format']}, because {each['why']}"


def has_errors(report: Report) -> bool:
    """Whether something of the input was not loaded."""
    counted = report.get("problem_counts") or {}
    listed = any(problem.get("severity") == "error" for problem in report.get("problems") or [])
    return report.get("state") == "failed" or bool(counted.get("error")) or listed


def _headline(report: Report) -> Text:
    if report.get("state") in ("queued", "running"):
        return Text(str(report["state"]), style="bold").append(_how_far(report), style="not bold")
    if report.get("state") == "failed":
        what = Text("Nothing was loaded", style="bold red")
        why = " because of the problems below" if report.get("problems") else ""
        what.append(why, style="not bold")
    elif report.get("dry_run"):
        what = Text("Dry run: nothing was written; a load would do this", style="bold")
    elif changed(report):
        what = Text("Loaded", style="bold green")
    else:
        what = Text("Nothing to change: everything was there already", style="bold green")
    took = report.get("took_ms")
    return what.append(f" ({took / 1000:.2f} s)" if took is not None else "", style="not bold dim")


def _how_far(report: Report) -> str:
    far = report.get("progress")
    if far is None:
        return ""
    of = "" if far["total"] is None else f" of {far['total']:,}"
    return f": {far['phase']}, {far['done']:,}{of} rows"


def changed(report: Report) -> int:
    """How many records the load wrote, or would have written."""
    kinds = [value for value in report.values() if _is_count(value)]
    return sum(
        int(kind.get(fate, 0)) for kind in kinds for fate in ("created", "updated", "retired")
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, Mapping) and "unchanged" in value


def _counts(report: Report) -> Table:
    kinds = {
        name: value for name, value in report.items() if _is_count(value) and any(value.values())
    }
    fates = [
        fate
        for fate in _FATES
        if any(fate in value and (value[fate] or fate != "in_review") for value in kinds.values())
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for fate in fates:
        table.add_column(fate, justify="right")
    for name, value in kinds.items():
        table.add_row(
            name.replace("_", " "), *(f"{value[fate]:,}" if fate in value else "" for fate in fates)
        )
    return table


def _problem_table(problems: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Where", overflow="fold", max_width=30)
    table.add_column("Value", overflow="fold", max_width=16)
    table.add_column("Problem", overflow="fold")
    for problem in problems:
        severity = str(problem.get("severity"))
        what = Text(f"{severity}: ", style=_STYLES.get(severity, ""))
        what.append_text(plain(str(problem.get("message")), "not bold"))
        if problem.get("hint"):
            what.append_text(plain(f"\n{problem['hint']}", "not bold dim"))
        table.add_row(plain(_place(problem)), plain(str(problem.get("value") or "")), what)
    return table


def _place(problem: Mapping[str, Any]) -> str:
    """`servers.csv:17:ip_address`, or a JSON pointer in the place of the row."""
    parts = [problem.get("file"), problem.get("row")]
    parts.append(problem.get("pointer") or problem.get("column"))
    return ":".join(str(part) for part in parts if part is not None) or "-"
