"""The dependency graph as an immutable snapshot in numpy arrays: no Python object per CI or edge.

Inside, a CI is its index in `ids` and an edge is its position in `dependent`. Positions put all
required edges first, then the conditional ones (optional edges and members of redundancy groups);
each of the two sections is ordered by provider, then by relationship id. One position therefore
names an edge, its kind and its provider, and the lowest position is a tie-break that does not
depend on the order in which rows were read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cmdb.graph_input import (
    NONE,
    GroupColumns,
    Ids,
    Indices,
    PresentEdges,
    RelationshipColumns,
    find,
    needed_members,
    present_edges,
)
from opsatlas.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from cmdb.propagation import Propagation

__all__ = ["EdgeKind", "GraphSnapshot", "GroupColumns", "Ids", "Indices", "RelationshipColumns"]


class EdgeKind(IntEnum):
    """What a dependent makes of its provider's failure."""

    REQUIRED = 0
    OPTIONAL = 1
    REDUNDANCY = 2


@dataclass(frozen=True, eq=False)
class GraphSnapshot:
    """What depends on what at one revision. n CIs, e edges (r of them required), g groups.

    Groups are those with at least one member present; a member listed twice counts once.
    """

    revision: int
    ids: Ids
    """(n,) CI ids, ascending; the place of an id is its index."""
    dependent: Indices
    """(e,) index of the dependent, by position."""
    relationship: NDArray[np.integer[Any]]
    """(e,) relationship id, by position; int32 where that holds them all, else int64."""
    required_first: Indices
    """(n + 1,) required edges of provider i are positions [required_first[i], [i + 1])."""
    conditional_first: Indices
    """(n + 1,) the same for optional edges and group members; these positions start at r."""
    group_of: Indices
    """(e - r,) group index of the conditional edge at position r + i; -1 for an optional edge."""
    group_id: Ids
    """(g,) redundancy group ids, ascending; the place of an id is its group index."""
    group_needed: Indices
    """(g,) members that must be up: 1 to the group's size."""
    group_first: Indices
    """(g + 1,) members of group i are group_member[group_first[i]:group_first[i + 1]]."""
    group_member: Indices
    """Indices of the members, ascending within a group."""

    @classmethod
    def build(
        cls,
        ci_ids: ArrayLike,
        relationships: Iterable[RelationshipColumns],
        groups: GroupColumns,
        revision: int,
    ) -> GraphSnapshot:
        """A snapshot of the CIs given and of the relationships that carry failure among them.

        `relationships` may be a stream of chunks in any order. Edges with an end outside of
        `ci_ids` (retired CIs are not passed) and edges from a CI to itself are left out. A
        group's size is that of its distinct members present; a percentage of it is rounded up.
        `min_up` is held between 1 and that size: retiring members alone must not take a CI down.
        Raises InvalidInputError for a group that is unknown, that belongs to another dependent
        than its edge, or whose min_up is not set exactly once.
        """
        ids = np.unique(np.asarray(ci_ids, np.int64))
        edges = _ordered(present_edges(ids, relationships))
        required = int(np.count_nonzero(edges.mark == NONE))
        marks = edges.mark[required:]
        group_id, group_of = np.unique(marks[marks >= 0], return_inverse=True)
        membership = np.full(len(marks), NONE, np.int32)
        membership[marks >= 0] = group_of
        providers = edges.provider[required:]
        member = _by_group(membership, providers)
        group_first = offsets(membership[member], len(group_id))
        rows = _group_rows(groups, group_id, ids, edges)
        conditional_first = offsets(providers, len(ids))
        conditional_first += np.int32(required)
        return cls(
            revision=revision,
            ids=ids,
            dependent=edges.dependent,
            relationship=edges.relationship,
            required_first=offsets(edges.provider[:required], len(ids)),
            conditional_first=conditional_first,
            group_of=membership,
            group_id=group_id,
            group_needed=needed_members(groups, rows, np.diff(group_first)),
            group_first=group_first,
            group_member=providers[member],
        )

    @property
    def size(self) -> int:
        """How many CIs."""
        return len(self.ids)

    @property
    def required_count(self) -> int:
        """How many required edges: the position of the first conditional edge."""
        return len(self.dependent) - len(self.group_of)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without those that are made on demand."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))

    def index_of(self, ci_id: int) -> int:
        """The index of a CI. Raises NotFoundError for one that is unknown or retired."""
        ids = self.ids.data  # one item of it is read three times as fast as one of the array
        index = bisect_left(ids, ci_id)
        if index == len(ids) or ids[index] != ci_id:
            raise NotFoundError(
                f"the dependency graph has no configuration item {ci_id}",
                hint="it is unknown, retired, or was not there at that time",
            )
        return index

    def kind_of(self, position: int) -> EdgeKind:
        """Required, optional or member of a redundancy group."""
        if position < self.required_count:
            return EdgeKind.REQUIRED
        return EdgeKind.OPTIONAL if self.group_at(position) == NONE else EdgeKind.REDUNDANCY

    def group_at(self, position: int) -> int:
        """The group index of an edge, -1 where it belongs to none."""
        required = self.required_count
        return int(self.group_of[position - required]) if position >= required else NONE

    def provider_of(self, position: int) -> int:
        """The index of an edge's provider, by bisection: positions are ordered by provider."""
        required = position < self.required_count
        first = self.required_first if required else self.conditional_first
        return bisect_right(first.data, position) - 1

    def members_of(self, group: int) -> Indices:
        """Indices of the distinct members of a group, ascending."""
        return self.group_member[self.group_first[group] : self.group_first[group + 1]]

    def edges_to_dependents(self, index: int) -> Indices:
        """Positions of the edges in which this CI is the provider."""
        rows = (self.required_first, self.conditional_first)
        return np.concatenate([np.arange(r[index], r[index + 1], dtype=np.int32) for r in rows])

    def edges_to_providers(self, index: int) -> Indices:
        """Positions of the edges in which this CI is the dependent."""
        first, positions = self._way_back
        return positions[first[index] : first[index + 1]]

    @cached_property
    def idle_propagations(self) -> list[Propagation]:
        """Working arrays that fit this snapshot, kept between queries by `cmdb/impact.py`."""
        return []

    @cached_property
    def _way_back(self) -> tuple[Indices, Indices]:
        # Positions by dependent: made on first use, as propagation never goes this way.
        positions = np.argsort(self.dependent, kind="stable").astype(np.int32)
        return offsets(self.dependent, self.size), positions


def offsets(values: NDArray[np.integer[Any]], size: int) -> Indices:
    """Where the run of each value 0 to size - 1 starts once `values` are sorted; (size + 1,)."""
    first = np.zeros(size + 1, np.int32)
    np.cumsum(np.bincount(values, minlength=size), out=first[1:])
    return first


def _ordered(edges: PresentEdges) -> PresentEdges:
    """In the order of positions, a member listed twice in a group taken once."""
    order = np.lexsort((edges.relationship, edges.provider, edges.mark != NONE))
    required = int(np.count_nonzero(edges.mark == NONE))
    conditional = order[required:]
    mark, provider = edges.mark[conditional], edges.provider[conditional]
    by_member = np.lexsort((provider, mark))  # stable: the lowest relationship id stays in front
    mark, provider = mark[by_member], provider[by_member]
    again = (mark[1:] == mark[:-1]) & (provider[1:] == provider[:-1]) & (mark[1:] >= 0)
    order = np.delete(order, required + by_member[1:][again])
    return edges.take(order)


def _by_group(membership: Indices, providers: Indices) -> NDArray[np.intp]:
    """Which conditional edges are members of groups, ordered by group and then by provider."""
    order = np.lexsort((providers, membership))
    return order[int(np.count_nonzero(membership == NONE)) :]


def _group_rows(
    groups: GroupColumns, group_id: Ids, ids: Ids, edges: PresentEdges
) -> NDArray[np.intp]:
    """Where in `groups` each group of the edges is."""
    order = np.argsort(groups.group_id, kind="stable")
    at = find(groups.group_id[order], group_id)
    if (unknown := group_id[at < 0]).size:
        raise InvalidInputError(
            f"there is no redundancy group {unknown[0]}, yet a relationship names it"
        )
    rows = order[at]
    in_group = edges.mark >= 0
    owner = groups.dependent_id[rows[np.searchsorted(group_id, edges.mark[in_group])]]
    strangers = np.flatnonzero(ids[edges.dependent[in_group]] != owner)
    if len(strangers):
        relationship = edges.relationship[in_group][strangers[0]]
        raise InvalidInputError(
            f"relationship {relationship} is in a redundancy group of another dependent",
            hint="the members of a group share one dependent",
        )
    return rows
