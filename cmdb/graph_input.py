"""What a graph snapshot is built from: columns of database ids, as a SQL stream delivers them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsatlas.errors import InvalidInputError

Ids = NDArray[np.int64]
Indices = NDArray[np.int32]

NONE = -1
"""No group, or this of the two forms of `min_up` is not set."""
OPTIONAL_MARK = -2
"""In `PresentEdges.mark`, where a group id or `NONE` may stand too."""


@dataclass(frozen=True, slots=True, eq=False)
class RelationshipColumns:
    """A run of relationships, one array a column, all of one length; database ids throughout.

    `group_id` is -1 for none. In a group `optional` says nothing: the group decides.
    """

    relationship_id: Ids
    dependent_id: Ids
    provider_id: Ids
    optional: NDArray[np.bool_]
    group_id: Ids

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]]) -> RelationshipColumns:
        """From rows of (relationship, dependent, provider, optional 0 or 1, group or -1)."""
        table = np.array(rows, np.int64).reshape(-1, 5).T
        return cls(table[0], table[1], table[2], table[3] != 0, table[4])


@dataclass(frozen=True, slots=True, eq=False)
class GroupColumns:
    """All redundancy groups, one array a column.

    Of `min_up_count` (members) and `min_up_percent` (0 to 100) exactly one is set, the other -1.
    """

    group_id: Ids
    dependent_id: Ids
    min_up_count: Ids
    min_up_percent: NDArray[np.float64]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]]) -> GroupColumns:
        """From rows of (group, dependent, min_up count or -1, min_up percentage or -1)."""
        columns = list(zip(*rows, strict=True)) or [()] * 4
        group, dependent, count = (np.array(column, np.int64) for column in columns[:3])
        return cls(group, dependent, count, np.array(columns[3], np.float64))


class PresentEdges(NamedTuple):
    """Relationships whose ends are both present, by index; arrays of one length."""

    relationship: NDArray[np.integer[Any]]
    dependent: Indices
    provider: Indices
    mark: Ids
    """A group id, `NONE` for a required edge, `OPTIONAL_MARK` for an optional one."""

    def take(self, order: NDArray[np.intp]) -> PresentEdges:
        """These edges in another order."""
        return PresentEdges(
            self.relationship[order], self.dependent[order], self.provider[order], self.mark[order]
        )


def present_edges(
    ids: Ids, absent: NDArray[np.bool_], chunks: Iterable[RelationshipColumns]
) -> PresentEdges:
    """The edges among the CIs `ids` (ascending) that are not `absent`, none of a CI to itself."""
    kept = [_present(ids, absent, chunk) for chunk in chunks]
    if not kept:
        none = np.zeros(0, np.int32)
        return PresentEdges(none, none, none, np.zeros(0, np.int64))
    return PresentEdges(*(np.concatenate(column) for column in zip(*kept, strict=True)))


def _present(ids: Ids, absent: NDArray[np.bool_], chunk: RelationshipColumns) -> PresentEdges:
    dependent, provider = find(ids, chunk.dependent_id), find(ids, chunk.provider_id)
    keep = (dependent >= 0) & (provider >= 0) & (dependent != provider)
    if len(absent):
        keep &= ~(absent[dependent] | absent[provider])
    mark = np.where((chunk.group_id < 0) & chunk.optional, OPTIONAL_MARK, chunk.group_id)
    return PresentEdges(
        _narrow(chunk.relationship_id[keep]), dependent[keep], provider[keep], mark[keep]
    )


def find(ids: Ids, wanted: Ids) -> Indices:
    """The place of each wanted id in `ids` (ascending), -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int32)
    at = np.searchsorted(ids, wanted).astype(np.int32)
    np.minimum(at, len(ids) - 1, out=at)
    return np.where(ids[at] == wanted, at, np.int32(-1))


def needed_members(groups: GroupColumns, rows: NDArray[np.intp], sizes: Indices) -> Indices:
    """Members that must be up for the groups at `rows`, which have `sizes` members present."""
    count, percent = groups.min_up_count[rows], groups.min_up_percent[rows]
    unclear = np.flatnonzero((count >= 0) == (percent >= 0))
    if len(unclear):
        group = groups.group_id[rows[unclear[0]]]
        raise InvalidInputError(
            f"redundancy group {group} must say min_up as a count or as a percentage",
            hint="set exactly one of the two",
        )
    # The small step back keeps a product such as 7.000000000000001 from asking for one more.
    share = np.ceil(sizes * percent / 100 - 1e-9)
    return np.clip(np.where(count >= 0, count, share), 1, sizes).astype(np.int32)


def in_order(edges: PresentEdges) -> PresentEdges:
    """Required edges first, each part by provider and relationship id; a member that is listed
    twice in a group is taken once."""
    order = np.lexsort((edges.relationship, edges.provider, edges.mark != NONE))
    required = int(np.count_nonzero(edges.mark == NONE))
    conditional = order[required:]
    mark, provider = edges.mark[conditional], edges.provider[conditional]
    by_member = np.lexsort((provider, mark))  # stable: the lowest relationship id stays in front
    mark, provider = mark[by_member], provider[by_member]
    again = (mark[1:] == mark[:-1]) & (provider[1:] == provider[:-1]) & (mark[1:] >= 0)
    order = np.delete(order, required + by_member[1:][again])
    return edges.take(order)


def rows_of_groups(
    groups: GroupColumns, group_id: Ids, ids: Ids, edges: PresentEdges
) -> NDArray[np.intp]:
    """Where in `groups` each of the groups `group_id` (ascending, those of the edges) is.

    Raises InvalidInputError for one that is not there or belongs to another dependent.
    """
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


def _narrow(values: Ids) -> NDArray[np.integer[Any]]:
    fits = not len(values) or int(values.max()) <= np.iinfo(np.int32).max
    return values.astype(np.int32) if fits else values
