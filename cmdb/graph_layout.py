"""Where the edges of a dependency graph lie: flat arrays with room behind them for what is new.

A layout belongs to a family of snapshots. Nobody changes what is written: a newer snapshot puts
the rows that differ into the room behind and remembers where, an older one never looks there.

    positions:  0 ... required | room | conditional_from ... conditional | room

An edge is named by its position. The first part holds required edges, the second conditional ones
(optional edges and members of redundancy groups). As laid out, each is ordered by provider, then
by relationship id: the row of a provider is a run. Rows in the room lie in any order, but within
a row the order is that of relationship ids there too.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmdb.graph_input import NONE, Ids, Indices

_LEAST_ROOM = 64
_ROOM_THAT_MATTERS = 4_000
_ROOM = 8
"""One part in so many is kept free; it costs no memory before it is written."""


class Section(NamedTuple):
    """Edges of one kind in the order of positions; arrays of one length."""

    dependent: Indices
    provider: Indices
    relationship: NDArray[np.integer[Any]]
    group: Indices
    """Group index, -1 for none."""


class Rows(NamedTuple):
    """Where the edges of some providers are: required ones, then conditional ones."""

    start: Indices
    end: Indices
    conditional_start: Indices
    conditional_end: Indices


@dataclass(eq=False)
class Layout:
    """The arrays, and how much of each is written. Only one thread at a time may write."""

    ids: Ids
    """CI ids, ascending, with room; a snapshot shows as many as it knows."""
    dependent: Indices
    """Index of the dependent, by position."""
    relationship: NDArray[np.integer[Any]]
    """Relationship id, by position; int32 where that holds them all, else int64."""
    group_of: Indices
    """Group index, by position less `conditional_from`; -1 for an optional edge."""
    room_provider: Indices
    """Index of the provider, of the edges in the rooms: first those of the required ones."""
    group_member: Indices
    """Runs of indices of the members of groups, ascending within a group."""
    required_first: Indices
    """(m + 1,) as laid out, provider i has required edges [required_first[i], [i + 1])."""
    conditional_first: Indices
    """(m + 1,) the same for conditional edges."""
    conditional_from: int
    """The first position of a conditional edge."""
    used: dict[str, int]
    """How much is written, behind which is room: `ids`, `required`, `conditional`, `member`."""
    newest_relationship: int
    """The highest relationship id, -1 where there is none."""

    @property
    def laid_out(self) -> int:
        """How many CIs have a row in `required_first`; later ones are in the room."""
        return len(self.required_first) - 1

    @property
    def required_end(self) -> int:
        """Where the required edges end, as laid out."""
        return int(self.required_first[-1])

    @property
    def conditional_end(self) -> int:
        """Where the conditional edges end, as laid out."""
        return int(self.conditional_first[-1])

    def provider_of(self, position: int) -> int:
        """The index of an edge's provider."""
        if position < self.required_end:
            return bisect_right(self.required_first.data, position) - 1
        if self.conditional_from <= position < self.conditional_end:
            return bisect_right(self.conditional_first.data, position) - 1
        return int(self.room_provider[self._room(position)])

    def providers_of(self, positions: Indices) -> Indices:
        """The same for many."""
        found = np.empty(len(positions), np.int32)
        in_room = self.in_room(positions)
        conditional = positions >= self.conditional_from
        for first, these in (
            (self.required_first, ~in_room & ~conditional),
            (self.conditional_first, ~in_room & conditional),
        ):
            found[these] = np.searchsorted(first, positions[these], "right") - 1
        moved = positions[in_room]
        behind = self.conditional_end - self.conditional_from + self.required_end
        room = np.where(moved < self.conditional_from, self.required_end, behind)
        found[in_room] = self.room_provider[moved - room]
        return found

    def in_room(self, positions: Indices) -> NDArray[np.bool_]:
        """Which positions were written after the laying out."""
        return (positions >= self.conditional_end) | (
            (positions >= self.required_end) & (positions < self.conditional_from)
        )

    def sorted(self, positions: Indices) -> Indices:
        """Edges of one snapshot in their order: required ones first, then by provider and by
        relationship id."""
        in_room = self.in_room(positions)
        laid_out = np.sort(positions[~in_room])
        moved = positions[in_room]
        if not len(moved):
            return laid_out
        # Whoever has a row in the room has none left where rows were laid out: all of it belongs
        # where that row would start. Within a row the order is that of positions anyway.
        providers = self.providers_of(moved)
        conditional = moved >= self.conditional_from
        order = np.lexsort((moved, providers, conditional))
        moved, providers, conditional = moved[order], providers[order], conditional[order]
        known = providers.clip(max=self.laid_out)
        would_start = np.where(
            conditional, self.conditional_first[known], self.required_first[known]
        )
        return np.insert(laid_out, np.searchsorted(laid_out, would_start), moved)

    def rows(self, providers: Indices) -> Rows:
        """Where the rows of these providers were laid out; anything for those that came later."""
        if not self.laid_out:
            return Rows(*np.zeros((4, len(providers)), np.int32))
        index = providers.clip(max=self.laid_out - 1)
        required, conditional = self.required_first, self.conditional_first
        return Rows(
            required[index], required[index + 1], conditional[index], conditional[index + 1]
        )

    @cached_property
    def way_back(self) -> tuple[Indices, Indices]:
        """Positions by dependent, and where those of each start, of what was laid out. Made on
        first use: propagation never goes this way."""
        conditional = self.dependent[self.conditional_from : self.conditional_end]
        dependents = np.concatenate([self.dependent[: self.required_end], conditional])
        positions = np.argsort(dependents, kind="stable").astype(np.int32)
        room = self.conditional_from - self.required_end
        positions[positions >= self.required_end] += np.int32(room)
        return offsets(dependents, self.laid_out), positions

    def room_for(self, part: str, length: int) -> bool:
        """Whether so much may still be written to `required`, `conditional`, `member` or `ids`."""
        ends = {
            "ids": len(self.ids),
            "required": self.conditional_from,
            "conditional": len(self.dependent),
            "member": len(self.group_member),
        }
        return self.used[part] + length <= ends[part]

    @property
    def is_half_full(self) -> bool:
        """Whether half of a room is written, and there is enough of it for that to matter."""
        required = self.used["required"] - self.required_end
        conditional = self.used["conditional"] - self.conditional_end
        return 2 * required > max(
            self.conditional_from - self.required_end, _ROOM_THAT_MATTERS
        ) or 2 * conditional > max(len(self.dependent) - self.conditional_end, _ROOM_THAT_MATTERS)

    def write_rows(self, part: str, rows: Section) -> int:
        """Put whole rows into the room of `required` or `conditional`; where they start."""
        start = self.used[part]
        end = start + len(rows.dependent)
        self.dependent[start:end] = rows.dependent
        self.relationship[start:end] = rows.relationship
        room = self._room(start)
        self.room_provider[room : room + end - start] = rows.provider
        if part == "conditional":
            offset = self.conditional_from
            self.group_of[start - offset : end - offset] = rows.group
        self.used[part] = end
        self.newest_relationship = max(
            self.newest_relationship, int(rows.relationship.max(initial=-1))
        )
        return start

    def write_members(self, members: Indices) -> int:
        """Put runs of members into the room; where they start."""
        start = self.used["member"]
        self.used["member"] = start + len(members)
        self.group_member[start : self.used["member"]] = members
        return start

    def _room(self, position: int) -> int:
        if position < self.conditional_from:
            return position - self.required_end
        return position - self.conditional_end + self.conditional_from - self.required_end

    @property
    def nbytes(self) -> int:
        """Bytes of what is written."""
        edges = self.used["required"] + self.used["conditional"] - self.conditional_from
        conditional = self.used["conditional"] - self.conditional_from
        return (
            self.used["ids"] * self.ids.itemsize
            + edges * (self.dependent.itemsize + self.relationship.itemsize)
            + (conditional + self.used["member"]) * self.group_of.itemsize
            + self.required_first.nbytes
            + self.conditional_first.nbytes
        )


def lay_out(ids: Ids, required: Section, conditional: Section, members: Indices) -> Layout:
    """A new layout of edges in the order of positions, with room behind each part."""
    r, c = len(required.dependent), len(conditional.dependent)
    start = r + room_behind(r)
    capacity = start + c + room_behind(c)
    wide = np.result_type(required.relationship, conditional.relationship)
    dependent = np.empty(capacity, np.int32)
    relationship = np.empty(capacity, wide)
    group_of = np.empty(capacity - start, np.int32)
    for at, section in ((0, required), (start, conditional)):
        end = at + len(section.dependent)
        dependent[at:end] = section.dependent
        relationship[at:end] = section.relationship
    group_of[:c] = conditional.group
    conditional_first = offsets(conditional.provider, len(ids))
    conditional_first += np.int32(start)
    return Layout(
        ids=_with_room(ids),
        dependent=dependent,
        relationship=relationship,
        group_of=group_of,
        room_provider=np.empty(capacity - r - c, np.int32),
        group_member=_with_room(members),
        required_first=offsets(required.provider, len(ids)),
        conditional_first=conditional_first,
        conditional_from=start,
        used={"ids": len(ids), "required": r, "conditional": start + c, "member": len(members)},
        newest_relationship=int(
            max(each.relationship.max(initial=-1) for each in (required, conditional))
        ),
    )


def room_behind(length: int) -> int:
    """How much is kept free behind a part of this length."""
    return max(_LEAST_ROOM, length // _ROOM)


def offsets(values: NDArray[np.integer[Any]], size: int) -> Indices:
    """Where the run of each value 0 to size - 1 starts once `values` are sorted; (size + 1,)."""
    first = np.zeros(size + 1, np.int32)
    np.cumsum(np.bincount(values, minlength=size), out=first[1:])
    return first


def spread(start: Indices, length: Indices) -> Indices:
    """All places of runs, one run after the other."""
    end = np.cumsum(length, dtype=np.int32)
    places = np.repeat(start - end + length, length)
    places += np.arange(len(places), dtype=np.int32)
    return places


def no_group(length: int) -> Indices:
    """The group column of edges that are in none."""
    return np.full(length, NONE, np.int32)


def _with_room(values: NDArray[Any]) -> NDArray[Any]:
    made = np.empty(len(values) + room_behind(len(values)), values.dtype)
    made[: len(values)] = values
    return made
