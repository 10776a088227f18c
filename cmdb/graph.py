"""The dependency graph as an immutable snapshot in numpy arrays: no Python object per CI or edge.

Inside, a CI is its index in `ids` and an edge is its position (see `cmdb/graph_layout.py`). A
snapshot is a layout and the rows that have moved since it was laid out, few beside the whole; so
the next snapshot after a small change shares nearly everything with this one.

The walk needs `first`, `moved` and `moved_rows` to find a row, then `dependent`, `group_of`,
`group_size` and `group_needed`: flat arrays all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cmdb.graph_input import (
    NONE,
    GroupColumns,
    Ids,
    Indices,
    RelationshipColumns,
    in_order,
    needed_members,
    present_edges,
    rows_of_groups,
)
from cmdb.graph_layout import Layout, Rows, Section, lay_out, offsets, spread
from opsatlas.errors import NotFoundError

if TYPE_CHECKING:
    from cmdb.compiled_walk import CompiledWalk
    from cmdb.propagation import Propagation

__all__ = [
    "EdgeKind",
    "Edges",
    "GraphSnapshot",
    "GroupColumns",
    "Groups",
    "Ids",
    "Indices",
    "RelationshipColumns",
]


class EdgeKind(IntEnum):
    """What a dependent makes of its provider's failure."""

    REQUIRED = 0
    OPTIONAL = 1
    REDUNDANCY = 2


class Edges(NamedTuple):
    """Every edge of a snapshot, as arrays of one length; see `GraphSnapshot.edges`."""

    position: Indices
    dependent: Indices
    """Index of the dependent."""
    provider: Indices
    """Index of the provider."""
    kind: NDArray[np.int8]
    """An `EdgeKind`."""
    group: Indices
    """Group index, -1 where it is in none."""
    relationship: NDArray[np.integer[Any]]
    """Relationship id."""


class Groups(NamedTuple):
    """Redundancy groups by group index; arrays of one length. One that lost its members has
    size 0 and no edges."""

    id: Ids
    needed: Indices
    """Members that must be up: 1 to the group's size."""
    size: Indices
    """Distinct members present."""
    start: Indices
    """Where its members start in the layout's `group_member`."""


@dataclass(frozen=True, eq=False)
class GraphSnapshot:
    """What depends on what at one revision.

    Groups are those with at least one member present; a member listed twice counts once.
    """

    revision: int
    size: int
    """How many CIs have an index, retired ones among them."""
    absent: NDArray[np.bool_]
    """(size,) CIs that take no part: retired, or deleted since."""
    layout: Layout
    moved: Indices
    """Indices of the CIs whose rows are not where the layout had them, ascending."""
    moved_rows: Rows
    """Where those rows are now."""
    groups: Groups

    @classmethod
    def build(
        cls,
        ci_ids: ArrayLike,
        relationships: Iterable[RelationshipColumns],
        groups: GroupColumns,
        revision: int,
        retired: ArrayLike = (),
    ) -> GraphSnapshot:
        """A snapshot of the CIs given and of the relationships that carry failure among them.

        `relationships` may be a stream of chunks in any order. Edges with an end outside of
        `ci_ids` and edges from a CI to itself are left out. `retired` CIs take no part, but get an
        index: they can come back without a rebuild. A group's size is that of its distinct members
        present; a percentage of it is rounded up. `min_up` is held between 1 and that size:
        retiring members alone must not take a CI down.
        Raises InvalidInputError for a group that is unknown, that belongs to another dependent
        than its edge, or whose min_up is not set exactly once.
        """
        living = np.unique(np.asarray(ci_ids, np.int64))
        gone = np.setdiff1d(np.asarray(retired, np.int64), living)
        ids = np.union1d(living, gone) if len(gone) else living
        absent = np.zeros(len(ids), np.bool_)
        absent[np.searchsorted(ids, gone)] = True
        edges = in_order(present_edges(ids, absent, relationships))
        required = int(np.count_nonzero(edges.mark == NONE))
        marks, providers = edges.mark[required:], edges.provider[required:]
        group_id, group_of = np.unique(marks[marks >= 0], return_inverse=True)
        membership = np.full(len(marks), NONE, np.int32)
        membership[marks >= 0] = group_of
        member = np.lexsort((providers, membership))
        member = member[int(np.count_nonzero(membership == NONE)) :]
        first = offsets(membership[member], len(group_id))
        sizes = np.diff(first)
        needed = needed_members(groups, rows_of_groups(groups, group_id, ids, edges), sizes)
        layout = lay_out(
            ids,
            Section(edges.dependent[:required], edges.provider[:required],
                    edges.relationship[:required], membership[:0]),
            Section(edges.dependent[required:], providers, edges.relationship[required:],
                    membership),
            providers[member],
        )  # fmt: skip
        return cls.of_layout(layout, absent, Groups(group_id, needed, sizes, first[:-1]), revision)

    @classmethod
    def of_layout(
        cls, layout: Layout, absent: NDArray[np.bool_], groups: Groups, revision: int
    ) -> GraphSnapshot:
        """A snapshot in which every row is where the layout has it."""
        none = np.zeros(0, np.int32)
        rows = Rows(none, none, none, none)
        return cls(revision, layout.laid_out, absent, layout, none, rows, groups)

    @property
    def ids(self) -> Ids:
        """(size,) CI ids, ascending; the place of an id is its index. Retired ones are in it."""
        return self.layout.ids[: self.size]

    @property
    def dependent(self) -> Indices:
        """Index of the dependent, by position. Not every place of it is an edge: see `edges`."""
        return self.layout.dependent

    @property
    def relationship(self) -> NDArray[np.integer[Any]]:
        """Relationship id, by position. Not every place of it is an edge: see `edges`."""
        return self.layout.relationship

    @property
    def group_id(self) -> Ids:
        """Redundancy group ids, by group index."""
        return self.groups.id

    @property
    def group_needed(self) -> Indices:
        """Members that must be up, by group index."""
        return self.groups.needed

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without those that are made on demand."""
        own = (self.absent, self.moved, *self.moved_rows, *self.groups)
        return self.layout.nbytes + sum(each.nbytes for each in own)

    @property
    def present(self) -> Indices:
        """Indices of the CIs that take part, ascending."""
        return np.flatnonzero(~self.absent).astype(np.int32)

    def has(self, ci_id: int) -> bool:
        """Whether a CI is known and takes part."""
        ids = self._ids
        index = bisect_left(ids, ci_id)
        return index < len(ids) and ids[index] == ci_id and not self.absent[index]

    def index_of(self, ci_id: int) -> int:
        """The index of a CI. Raises NotFoundError for one that is unknown or retired."""
        ids = self._ids  # one item of it is read three times as fast as one of the array
        index = bisect_left(ids, ci_id)
        if index == len(ids) or ids[index] != ci_id or self._absent[index]:
            raise NotFoundError(
                f"the dependency graph has no configuration item {ci_id}",
                hint="it is unknown, retired, or was not there at that time",
            )
        return index

    def kind_of(self, position: int) -> EdgeKind:
        """Required, optional or member of a redundancy group."""
        if position < self.layout.conditional_from:
            return EdgeKind.REQUIRED
        return EdgeKind.OPTIONAL if self.group_at(position) == NONE else EdgeKind.REDUNDANCY

    def group_at(self, position: int) -> int:
        """The group index of an edge, -1 where it belongs to none."""
        start = self.layout.conditional_from
        return int(self.layout.group_of[position - start]) if position >= start else NONE

    def provider_of(self, position: int) -> int:
        """The index of an edge's provider."""
        return self.layout.provider_of(position)

    def members_of(self, group: int) -> Indices:
        """Indices of the distinct members of a group, ascending."""
        start = self.groups.start[group]
        return self.layout.group_member[start : start + self.groups.size[group]]

    def edges_to_dependents(self, index: int) -> Indices:
        """Positions of the edges in which this CI is the provider: required ones first."""
        return self.edges_of_rows(np.array([index], np.int32))

    def edges_of_rows(self, providers: Indices) -> Indices:
        """Positions of the edges of these providers (ascending), first all required ones."""
        start, end, conditional_start, conditional_end = self.rows(providers)
        return np.concatenate(
            [
                spread(start, end - start),
                spread(conditional_start, conditional_end - conditional_start),
            ]
        )

    def rows(self, providers: Indices) -> Rows:
        """Where the edges of these providers (ascending) are."""
        rows = self.layout.rows(providers)
        if len(self.moved):
            at = np.searchsorted(providers, self.moved)
            inside = np.flatnonzero(at < len(providers))
            inside = inside[providers[at[inside]] == self.moved[inside]]
            for row, moved in zip(rows, self.moved_rows, strict=True):
                row[at[inside]] = moved[inside]
        return Rows(*rows)

    def edges_to_providers(self, index: int) -> Indices:
        """Positions of the edges in which this CI is the dependent: required ones first, then by
        provider and by relationship id."""
        first, laid_out = self.layout.way_back
        found = np.zeros(0, np.int32)
        if index < len(first) - 1:
            found = laid_out[first[index] : first[index + 1]]
        if not len(self.moved):
            return found
        # What has moved is not where it was; what is in the rooms is sorted by dependent.
        providers = self.layout.providers_of(found)
        found = found[~np.isin(providers, self.moved)]
        dependents, positions = self._moved_way_back
        start, end = np.searchsorted(dependents, [index, index + 1])
        found = np.concatenate([found, positions[start:end]])
        return self.sorted(found)

    def edges(self) -> Edges:
        """Every edge once: required ones first, each part by provider and relationship id."""
        every = np.arange(self.size, dtype=np.int32)
        start, end, conditional_start, conditional_end = self.rows(every)
        required, conditional = end - start, conditional_end - conditional_start
        position = np.concatenate([spread(start, required), spread(conditional_start, conditional)])
        providers = np.concatenate([np.repeat(every, required), np.repeat(every, conditional)])
        group = np.full(len(position), NONE, np.int32)
        split = int(required.sum())
        group[split:] = self.layout.group_of[position[split:] - self.layout.conditional_from]
        kind = np.where(group == NONE, np.int8(EdgeKind.OPTIONAL), np.int8(EdgeKind.REDUNDANCY))
        kind[:split] = EdgeKind.REQUIRED
        return Edges(
            position,
            self.dependent[position],
            providers,
            kind,
            group,
            self.relationship[position],
        )

    def sorted(self, positions: Indices) -> Indices:
        """Edges in their order: required ones first, then by provider and by relationship id."""
        return self.layout.sorted(positions)

    @cached_property
    def moved_row_of(self) -> dict[int, tuple[int, int, int, int]]:
        """By index of a CI whose row has moved: where the row is now."""
        rows = zip(*(each.tolist() for each in self.moved_rows), strict=True)
        return dict(zip(self.moved.tolist(), rows, strict=True))

    @cached_property
    def idle_propagations(self) -> list[Propagation]:
        """Working arrays that fit this snapshot, kept by `cmdb/interpreted_walk.py`."""
        return []

    @cached_property
    def idle_compiled_walks(self) -> list[CompiledWalk]:
        """The same of `cmdb/walks.py`."""
        return []

    @cached_property
    def _ids(self) -> Any:
        return self.ids.data

    @cached_property
    def _absent(self) -> Any:
        return self.absent.data

    @cached_property
    def _moved_way_back(self) -> tuple[Indices, Indices]:
        positions = self.edges_of_rows(self.moved)
        dependents = self.dependent[positions]
        order = np.argsort(dependents, kind="stable")
        return dependents[order], positions[order]
