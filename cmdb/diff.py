"""What differs between two states of the inventory. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from cmdb.diff_schemas import (
    ChangedCI,
    CIDifferences,
    DiffRelationship,
    FieldChange,
    MovedCI,
    RelationshipDifferences,
)
from cmdb.models import LifecycleStatus
from cmdb.schemas import CIOut, RelationshipOut

_CI_FIELDS = tuple(
    name
    for name in CIOut.model_fields
    if name not in ("id", "attributes", "keys", "version", "created_at", "updated_at")
)
_RELATIONSHIP_FIELDS = ("type", "dependency", "redundancy_group", "min_up", "sources")

CIs = Mapping[int, CIOut]
Relationships = Mapping[int, RelationshipOut]


def ci_differences(
    before: CIs, after: CIs, inside_before: Collection[int], inside_after: Collection[int]
) -> CIDifferences:
    """What became of the CIs inside; `before` and `after` hold those of both sides, where they
    were there at all."""
    was_in, is_in = set(inside_before), set(inside_after)
    entered = [after[each] for each in is_in - was_in]
    left = [before[each] for each in was_in - is_in]
    changed = [
        ChangedCI(id=each, name=after[each].name, ci_class=after[each].ci_class, changes=changes)
        for each in was_in & is_in
        if (changes := ci_changes(before[each], after[each]))
    ]
    return CIDifferences(
        entered=sorted((_moved(ci, before.get(ci.id), came=True) for ci in entered), key=_order),
        left=sorted((_moved(ci, after.get(ci.id), came=False) for ci in left), key=_order),
        changed=sorted(changed, key=_order),
    )


def relationship_differences(
    before: Relationships, after: Relationships
) -> RelationshipDifferences:
    """What became of relationships, by id."""
    return RelationshipDifferences(
        added=[_shown(after[each], []) for each in sorted(after.keys() - before.keys())],
        removed=[_shown(before[each], []) for each in sorted(before.keys() - after.keys())],
        changed=[
            _shown(after[each], changes)
            for each in sorted(before.keys() & after.keys())
            if (changes := relationship_changes(before[each], after[each]))
        ],
    )


def ci_changes(before: CIOut, after: CIOut) -> list[FieldChange]:
    """The values of a CI that differ, attributes and keys one by one."""
    changes = _changes(
        {name: getattr(before, name) for name in _CI_FIELDS},
        {name: getattr(after, name) for name in _CI_FIELDS},
    )
    changes += _changes(
        {f"attributes.{name}": value for name, value in sorted(before.attributes.items())},
        {f"attributes.{name}": value for name, value in sorted(after.attributes.items())},
    )
    keys = [[f"{key.source}:{key.key}" for key in ci.keys] for ci in (before, after)]
    return changes + _changes({"keys": keys[0]}, {"keys": keys[1]})


def relationship_changes(before: RelationshipOut, after: RelationshipOut) -> list[FieldChange]:
    """The values of a relationship that differ; its ends by name, where another CI is meant."""
    ends = ("dependent", "provider")
    moved = [end for end in ends if getattr(before, end).id != getattr(after, end).id]
    return _changes(
        {end: getattr(before, end).name for end in moved}
        | {name: getattr(before, name) for name in _RELATIONSHIP_FIELDS},
        {end: getattr(after, end).name for end in moved}
        | {name: getattr(after, name) for name in _RELATIONSHIP_FIELDS},
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    return [
        FieldChange(field=name, before=before.get(name), after=after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]


def _moved(ci: CIOut, other: CIOut | None, *, came: bool) -> MovedCI:
    """`other` is the CI at the moment at which it was not inside."""
    because: Literal["created", "back_in_use", "linked", "deleted", "retired", "unlinked"]
    if other is None:
        because = "created" if came else "deleted"
    elif other.status == LifecycleStatus.RETIRED:
        because = "back_in_use" if came else "retired"
    else:
        because = "linked" if came else "unlinked"
    return MovedCI(id=ci.id, name=ci.name, ci_class=ci.ci_class, because=because)


def _order(ci: MovedCI | ChangedCI) -> tuple[str, int]:
    return ci.name.casefold(), ci.id


def _shown(relationship: RelationshipOut, changes: list[FieldChange]) -> DiffRelationship:
    return DiffRelationship(
        **relationship.model_dump(include=set(DiffRelationship.model_fields) - {"changes"}),
        changes=changes,
    )
