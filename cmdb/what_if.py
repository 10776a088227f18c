"""A dependency graph with some relationships supposed away and others supposed."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.graph_delta import GraphChange, changed
from cmdb.graph_input import NONE
from cmdb.graph_layout import Layout
from cmdb.values import MinUp


@dataclass(frozen=True, slots=True)
class SupposedRelationship:
    """A relationship as it would be; ids of the CIs and of its group throughout."""

    id: int
    dependent: int
    provider: int
    is_optional: bool
    group: int | None


@dataclass(frozen=True, slots=True)
class Supposed:
    """Relationships that would not be there, by id, and those that would."""

    removed: Collection[int] = ()
    """Where one is in a group, all of that group; those that stay are in `added` again."""
    added: Sequence[SupposedRelationship] = ()
    groups: Mapping[int, tuple[int, MinUp]] = field(default_factory=dict)
    """Dependent and limit of every group that `added` names."""

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)


def suppose(snapshot: GraphSnapshot, supposed: Supposed) -> GraphSnapshot:
    """The snapshot as it would be; the one that is there is left alone, its room too."""
    if not supposed:
        return snapshot
    nothing = np.zeros(0, np.int64)
    ids = {*supposed.removed, *(each.id for each in supposed.added)}
    change = GraphChange(
        revision=snapshot.revision,
        arrived=nothing,
        absent=nothing,
        retired=nothing,
        relationship_id=np.array(sorted(ids), np.int64),
        relationships=RelationshipColumns.from_rows([_row(each) for each in supposed.added]),
        groups=GroupColumns.from_rows(
            [
                (group, dependent, *((NONE, up.value) if up.is_percent else (up.value, NONE)))
                for group, (dependent, up) in supposed.groups.items()
            ]
        ),
    )
    return suppose_change(snapshot, change)


def suppose_change(snapshot: GraphSnapshot, change: GraphChange) -> GraphSnapshot:
    """The same for a change of whatever size."""
    return changed(replace(snapshot, layout=_own(snapshot.layout)), change)


def _row(each: SupposedRelationship) -> tuple[int, int, int, int, int]:
    group = NONE if each.group is None else each.group
    return each.id, each.dependent, each.provider, int(each.is_optional), group


def _own(layout: Layout) -> Layout:
    """A layout to write to. Copying it takes milliseconds for millions of edges, and neither waits
    for who is bringing the graph up to date nor takes the room that this needs."""
    mine = copy.copy(layout)
    mine.used = dict(layout.used)
    mine.dependent = layout.dependent.copy()
    mine.relationship = layout.relationship.copy()
    mine.group_of = layout.group_of.copy()
    mine.group_member = layout.group_member.copy()
    mine.room_provider = layout.room_provider.copy()
    return mine
