"""What every importer of a foreign format does with its mapping: words in, records out."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.mapping import matches
from cmdb.importers.records import CI_FIELDS, Kind, ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

UNKNOWN_CLASS = "generic"
UNKNOWN_RELATIONSHIP = "related_to"
"""Carries no failure: what is not understood must not take a service down."""


class MappedRecords:
    """Makes records by a mapping, and remembers which of the source's words it did not know."""

    def __init__(self, mapping: SourceMapping) -> None:
        self.mapping = mapping
        self._unknown_classes: Counter[str] = Counter()
        self._unknown_relationships: Counter[str] = Counter()

    def ci(
        self, where: Where, key: str, source_class: str, said: Mapping[str, Any]
    ) -> ParsedRecord | None:
        """The CI that the source describes by the fields `said`; None where rules leave it out.

        Fields that the mapping names become ours, the others attributes.
        """
        mapping = self.mapping
        if mapping.ignores_class(source_class) or any(
            matches(str(said.get(rule.field, "")), rule.is_) for rule in mapping.ignore.records
        ):
            return None
        ci_class = mapping.ci_class(source_class)
        if ci_class is None:
            self._unknown_classes[source_class] += 1
            ci_class = UNKNOWN_CLASS
        fields: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        used: set[str] = set()
        for ours, theirs in mapping.fields.items():
            names = [theirs] if isinstance(theirs, str) else theirs
            used.update(names)
            value = next((said[name] for name in names if _says(said.get(name))), None)
            if value is not None:
                target = fields if ours in CI_FIELDS else attributes
                target[ours] = mapping.value(ours, value)
        for name, value in said.items():
            if name in used or not _says(value):
                continue
            if name in CI_FIELDS:
                fields.setdefault(name, mapping.value(name, value))
            elif mapping.keep_other_fields and not mapping.ignores_field(name):
                attributes.setdefault(name, value)
        fields |= {"key": key, "ci_class": fields.get("ci_class") or ci_class}
        return ParsedRecord(Kind.CI, where, fields, attributes)

    def relationship(
        self,
        where: Where,
        name: str,
        this: str,
        that: str,
        *,
        redundancy_group: str | None = None,
        min_up: int | str | None = None,
        dependency: str | None = None,
    ) -> ParsedRecord | None:
        """The relationship that `this` states to `that` under the source's `name`; None where
        rules leave it out. What is given here counts where the mapping says nothing."""
        rule = self.mapping.relationship(name)
        if rule == "ignore":
            return None
        if rule is None:
            self._unknown_relationships[name] += 1
            type_name, dependent = UNKNOWN_RELATIONSHIP, "from"
        else:
            type_name, dependent = rule.type, rule.dependent
            redundancy_group = rule.redundancy_group or redundancy_group
            min_up = rule.min_up if rule.min_up is not None else min_up
            dependency = rule.dependency or dependency
        ends = (this, that) if dependent == "from" else (that, this)
        fields = {
            "dependent": ends[0],
            "provider": ends[1],
            "type": type_name,
            "dependency": dependency,
            "redundancy_group": redundancy_group,
            "min_up": min_up if redundancy_group is not None else None,
        }
        said = {name: value for name, value in fields.items() if value is not None}
        return ParsedRecord(Kind.RELATIONSHIP, where, said)

    def warnings(self, file: str) -> Iterator[Problem]:
        """One for each word that the mapping did not know, with how often it came."""
        for said, count in self._unknown_classes.items():
            yield problem(
                "unknown_source_class",
                f"the class {said!r} is not in the mapping: {_records(count)} became "
                f"{UNKNOWN_CLASS!r}",
                where=Where(file),
                severity=Severity.WARNING,
                column="class",
                value=said,
                hint=f'add to the mapping, under [classes]: "{said}" = "one of our classes"',
            )
        for said, count in self._unknown_relationships.items():
            yield problem(
                "unknown_source_relationship",
                f"the relationship type {said!r} is not in the mapping: {_records(count)} became "
                f"{UNKNOWN_RELATIONSHIP!r}, along which no failure travels",
                where=Where(file),
                severity=Severity.WARNING,
                column="type",
                value=said,
                hint=f'add to the mapping, under [relationships]: "{said}" = '
                '{ type = "depends_on", dependent = "from" }',
            )


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
