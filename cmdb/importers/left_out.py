"""What an importer leaves out by its rules: counted, and told in one warning for each reason."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cmdb.importers.records import Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity


class Reason(NamedTuple):
    """Why something is left out: what the warning says before the count, and what helps."""

    says: str
    hint: str | None = None


class LeftOut:
    """Counts by reason and keeps one example of each, the same whatever the order was."""

    def __init__(self, reasons: Mapping[str, Reason]) -> None:
        self._reasons = reasons
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, code: str, example: str | None = None, count: int = 1) -> None:
        """Count what is left out for the reason of this code."""
        self._counts[code] += count
        if example is not None:
            self._examples[code] = min(self._examples.get(code, example), example)

    def warnings(self, file: str) -> Iterator[Problem]:
        """One for each reason that occurred."""
        for code, reason in self._reasons.items():
            if not self._counts[code]:
                continue
            example = self._examples.get(code)
            such_as = "" if example is None else f", such as {example}"
            yield problem(
                code,
                f"{reason.says}: {self._counts[code]:,}{such_as}",
                where=Where(file),
                severity=Severity.WARNING,
                hint=reason.hint,
            )
