"""Problems of a load: how one is made, and the collector that counts all and keeps the first."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from cmdb.importers.records import Kind, Where
from cmdb.schemas import Problem, Severity

_SHOWN = 80
"""Characters of a value that a problem repeats."""
_AGAIN = "export the file anew, or correct it at this place"
_REMEDIES = {
    "broken_archive": "pack or copy it again",
    "control_character": "take it out of the text; it cannot be seen",
    "doctype_refused": "export it anew; entities and document types are never followed",
    "empty_archive": "pack the files that an inventory is in",
    "empty_file": "leave it out, or export it again",
    "invalid_attribute": "give it another name",
    "invalid_host": "a host is called by letters, digits, dots and hyphens",
    "invalid_value": "write a number that JSON knows and 64 bits hold, or quote it as text",
    "malformed_xml": "the export may have been cut short; export it again",
    "malformed_yaml": "quote values that hold `: ` or ` #` or start with a sign",
    "missing_value": "fill it in, or leave the record out",
    "netbox_object_without_id": _AGAIN,
    "too_deep": "leave out what is nested so deep, or write it flatter",
    "unexpected_shape": _AGAIN,
    "unknown_ci": "load it as well, or correct the name",
    "unsupported_archive": "unpack it, and load the files in it",
    "wrong_type": _AGAIN,
}
"""What to do about an error by its code, where who finds it has no better advice."""


class Problems:
    """Collects problems: counts them all, keeps the first `limit` of each severity."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.kept: dict[Severity, list[Problem]] = {severity: [] for severity in Severity}
        self.counts: Counter[Severity] = Counter()

    def add(self, problem: Problem) -> None:
        self.counts[problem.severity] += 1
        kept = self.kept[problem.severity]
        if len(kept) < self._limit:
            kept.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.add(problem)

    def include(self, others: "Problems") -> None:
        """Add what another collector has seen."""
        for severity, problems in others.kept.items():
            kept = self.kept[severity]
            kept.extend(problems[: self._limit - len(kept)])
        self.counts.update(others.counts)

    @property
    def errors(self) -> int:
        """How many errors there were, listed or not."""
        return self.counts[Severity.ERROR]

    def listed(self) -> list[Problem]:
        """At most `limit` problems, errors first."""
        kept = self.kept[Severity.ERROR] + self.kept[Severity.WARNING]
        return kept[: self._limit]


def problem(
    code: str,
    message: str,
    *,
    where: Where | None = None,
    severity: Severity = Severity.ERROR,
    kind: Kind | None = None,
    column: str | None = None,
    value: Any = None,
    hint: str | None = None,
) -> Problem:
    """A problem at a place in the input; in JSON and YAML `column` extends the pointer.

    An error without a `hint` has the one of its code.
    """
    if hint is None and severity is Severity.ERROR:
        hint = _REMEDIES.get(code)
    file, row, pointer = where or (None, None, None)
    if pointer is not None and column is not None:
        pointer = f"{pointer}/{column.replace('~', '~0').replace('/', '~1')}"
    return Problem(
        severity=severity,
        file=printable(file),
        row=row,
        column=printable(column),
        pointer=printable(pointer),
        value=None if value is None else shown(value),
        code=code,
        message=str(printable(message)),
        hint=printable(hint),
        kind=kind,
    )


def shown(value: Any) -> str:
    """A value as a problem repeats it: shortened."""
    if isinstance(value, dict | list):  # not written out: it may be nested too deep for that
        return "{…}" if isinstance(value, dict) else "[…]"
    text = value if isinstance(value, str) else str(value)
    return str(printable(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"))


def printable(text: str | None) -> str | None:
    """`text` with what neither a terminal nor a database should see written as an escape."""
    if text is None or text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
