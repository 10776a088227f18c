"""Values of a foreign source that our fields refuse: kept as attributes, and counted."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from cmdb.importers.json_values import bounded
from cmdb.importers.records import ParsedRecord, Where
from cmdb.plain_text import RefusedValueError
from cmdb.problems import problem, shown
from cmdb.schemas import Problem, Severity
from cmdb.values import CI_VALUES

_NEEDED = frozenset({"name", "ci_class"})


class DoubtfulValues:
    """Takes out of records what would have them rejected, and remembers what it was."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, tuple[Any, str | None]] = {}

    def set_aside(self, record: ParsedRecord) -> ParsedRecord:
        """The record, its doubtful values under `source_…` among its attributes."""
        for name, check in CI_VALUES.items():
            raw = record.fields.get(name)
            if raw is None or name in _NEEDED:
                continue
            try:
                check(raw)
            except RefusedValueError as error:
                del record.fields[name]
                record.attributes.setdefault(f"source_{name}", bounded(raw))
                self._counts[name] += 1
                example = (raw, error.hint)
                self._examples[name] = min(self._examples.get(name, example), example, key=str)
        return record

    def warnings(self, file: str) -> Iterator[Problem]:
        """One for each field that had such values."""
        for name, count in sorted(self._counts.items()):
            value, hint = self._examples[name]
            records = "1 record has" if count == 1 else f"{count:,} records have"
            yield problem(
                "doubtful_value",
                f"{records} a value that {name!r} cannot hold, such as {shown(value)!r}: it went "
                f"to the attribute 'source_{name}'",
                where=Where(file),
                severity=Severity.WARNING,
                column=name,
                value=value,
                hint=f"the mapping can translate it, under [values.{name}]; {hint}"
                if hint
                else f"the mapping can translate it, under [values.{name}]",
            )
