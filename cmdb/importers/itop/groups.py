"""Redundancy groups of iTop: what of an application solution or a farm must be up."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cmdb.importers.mapped import MappedRecords
from cmdb.importers.records import ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_DISABLED = "disabled"
_MIN_UP = re.compile(r"(\d{1,6})\s*(%?)")
_GROUPS = {
    "lnkApplicationSolutionToFunctionalCI": ("functional CIs", "solution_redundancy"),
    "farm_id": ("hypervisors", "farm_redundancy"),
}
"""By relationship: the name of the group, and the option that counts where the file says nothing
in `redundancy`."""


class Relation(NamedTuple):
    """What `this` says of `that`, under the name that the mapping has a rule for."""

    where: Where
    name: str
    this: str
    that: str


def grouped(
    relations: Sequence[Relation], redundancy: Mapping[str, str], mapped: MappedRecords
) -> Iterator[ParsedRecord | Problem]:
    """The relationships, those to the parts of one whole as the group that its `redundancy` says.

    `redundancy` is the attribute's value by key of the whole: `disabled`, `2` or `50%`.
    """
    made: dict[tuple[str, str], list[ParsedRecord]] = defaultdict(list)
    for relation in relations:
        record = mapped.relationship(relation.where, relation.name, relation.this, relation.that)
        if record is None:
            continue
        base = relation.name.rpartition(".")[2]
        if base in _GROUPS and "redundancy_group" not in record.fields:
            made[record.fields["dependent"], base].append(record)
        else:
            yield record
    for (whole, name), records in made.items():
        group, option = _GROUPS[name]
        said = redundancy.get(whole) or mapped.mapping.option(option, _DISABLED)
        yield from _group(records, group, said)


def _group(
    records: Sequence[ParsedRecord], group: str, said: str
) -> Iterator[ParsedRecord | Problem]:
    found = _MIN_UP.fullmatch(said.strip())
    number, is_percent = (int(found[1]), bool(found[2])) if found else (0, False)
    possible = 100 if is_percent else len(records)
    if found and number == 0:
        for record in records:
            record.fields["dependency"] = "optional"
    elif found and number <= possible:
        for record in records:
            record.fields |= {"redundancy_group": group, "min_up": said.strip().replace(" ", "")}
    elif found or said.strip().casefold() != _DISABLED:
        first = records[0]
        yield problem(
            "redundancy_not_understood",
            f"{first.fields['dependent']} has the redundancy {said!r} and {len(records)} parts "
            "that the files describe: each of them counts as needed",
            where=first.where,
            severity=Severity.WARNING,
            column="redundancy",
            value=said,
            hint="`disabled`, a count, or a percentage; export the missing parts, too",
        )
    yield from records
