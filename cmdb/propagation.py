"""Rounds of propagation over a `GraphSnapshot`, each step written twice.

A failure mostly reaches a handful of CIs, where the fixed cost of a numpy call would be most of
the time, and sometimes a third of the company, where a Python loop would. So every step looks at
how large its input is: up to `worklist_limit` CIs are walked one by one, more are taken as one
array. Both claim CIs in the same order of edges, the first edge wins, and so both give the same
answer. All cost is linear in the edges walked: nothing here looks at the whole graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Indices
from cmdb.graph_layout import spread

Run = list[int] | Indices
"""Ascending indices, or positions in the order in which edges claim: by provider, then by
relationship id. A list while it is short, an array when it is long."""

IDLE_KEPT = 4
"""Sets of working arrays kept a snapshot: about as many questions as really run at once."""

NOBODY = -1
"""The cause of a CI that failed itself."""

_UNCLAIMED = np.iinfo(np.int32).max
_WIDE = 8
"""A single row is long where it holds as many edges as this many CIs have in a short list."""


class State(IntEnum):
    """The lattice of states: a greater one is worse and wins."""

    OPERATIONAL = 0
    AT_RISK = 1
    DEGRADED = 2
    DOWN = 3


@dataclass(slots=True, eq=False)
class Reached:
    """What was reached, ascending by index; arrays of one length."""

    index: Indices
    state: NDArray[np.signedinteger[Any]]
    distance: Indices
    cause: Indices
    """The position of the edge that raised the CI to its state, or `NOBODY`."""

    def within(self, max_depth: int) -> Reached:
        """Those at most so many relationships away."""
        near = self.distance <= max_depth
        return Reached(self.index[near], self.state[near], self.distance[near], self.cause[near])


class Propagation:
    """Working arrays for one query at a time, used again by the next: see `take`.

    9 bytes a CI and 4 a group. State 0 is a CI that nothing has claimed yet.
    """

    def __init__(self, snapshot: GraphSnapshot) -> None:
        self._snapshot = snapshot
        layout = snapshot.layout
        self._required_first = layout.required_first.data
        self._conditional_first = layout.conditional_first.data
        self._moved_row_of = snapshot.moved_row_of
        self._dependent = layout.dependent.data
        self._group_of = layout.group_of.data
        self._group_size = snapshot.groups.size.data
        self._group_needed = snapshot.groups.needed.data
        self._conditional_from = layout.conditional_from
        # Single items are read and written through the bytearray and the memoryviews, runs of
        # them through the arrays: two views of the same memory, each fast at its own.
        self._state = bytearray(snapshot.size)
        self._states = np.frombuffer(self._state, np.int8)
        self._distances = np.empty(snapshot.size, np.int32)
        self._distance = self._distances.data
        self._causes = np.empty(snapshot.size, np.int32)
        self._cause = self._causes.data
        self._members_down = np.zeros(len(snapshot.groups.id), np.int32)
        self._member_down = self._members_down.data
        self._counted: list[Run] = []
        self._claimed: list[int] = []
        self._claimed_runs: list[Indices] = []
        self._limit = 0

    def start(self, failed: list[int], state: int, worklist_limit: int) -> None:
        """Begin a query with these CIs (ascending) in `state` at distance 0."""
        self._limit = worklist_limit
        self.begin(failed, state)

    def begin(self, failed: list[int], state: int) -> list[int]:
        """Put those of these CIs that nothing has claimed yet into `state` at distance 0; those."""
        fresh = [index for index in failed if not self._state[index]]
        for index in fresh:
            self._state[index] = state
            self._distance[index] = 0
            self._cause[index] = NOBODY
        self._claimed += fresh
        return fresh

    def advance(self, frontier: Run, state: int, distance: int) -> tuple[Run, Run, Run]:
        """One relationship on from `frontier`: puts unclaimed dependents by required edges into
        `state`. Returns those claimed (in no order), then the conditional edges of the frontier:
        optional ones, and those of members of groups."""
        if len(frontier) > self._limit:
            return self._advance_at_once(frontier, state, distance)
        found: list[int] = []
        optional: list[int] = []
        members: list[int] = []
        required_first, conditional_first = self._required_first, self._conditional_first
        moved, offset = self._moved_row_of, self._conditional_from
        dependents, states = self._dependent, self._state
        long_row = _WIDE * self._limit
        for done, provider in enumerate(frontier):
            if moved and provider in moved:
                start, end, other, other_end = moved[provider]
            else:
                start, end = required_first[provider], required_first[provider + 1]
                other, other_end = conditional_first[provider], conditional_first[provider + 1]
            if end - start > long_row or other_end - other > long_row:
                self._claimed += found
                rest = self._advance_at_once(frontier[done:], state, distance)
                return join(found, rest[0]), join(optional, rest[1]), join(members, rest[2])
            if start != end:  # most CIs carry nothing: an empty range costs as much as the check
                for position in range(start, end):
                    dependent = dependents[position]
                    if not states[dependent]:
                        states[dependent] = state
                        self._distance[dependent] = distance
                        self._cause[dependent] = position
                        found.append(dependent)
            if other != other_end:
                for position in range(other, other_end):
                    in_group = self._group_of[position - offset] >= 0
                    (members if in_group else optional).append(position)
        self._claimed += found
        return found, optional, members

    def claim(self, edges: Run, state: int, distance: int) -> Run:
        """Put the unclaimed dependents of these edges into `state`; those claimed."""
        if len(edges) > self._limit:
            positions = np.asarray(edges, np.int32)
            return self._claim_at_once(positions, state, distance)
        found: list[int] = []
        for position in edges:
            dependent = self._dependent[position]
            if not self._state[dependent]:
                self._state[dependent] = state
                self._distance[dependent] = distance
                self._cause[dependent] = position
                found.append(dependent)
        self._claimed += found
        return found

    def count_down(self, members: Run) -> Run:
        """Count these members as down; those of them whose group now has too few up."""
        self._counted.append(members)
        if len(members) > self._limit:
            return self._count_down_at_once(np.asarray(members, np.int32))
        offset, down = self._conditional_from, self._member_down
        groups = [self._group_of[position - offset] for position in members]
        for group in groups:
            down[group] += 1
        return [
            position
            for position, group in zip(members, groups, strict=True)
            if self._group_size[group] - down[group] < self._group_needed[group]
        ]

    def in_order(self, runs: list[Run]) -> Run:
        """Several runs of edges as one."""
        if len(runs) == 1:
            return runs[0]
        edges = reduce(join, runs)
        if isinstance(edges, list) and not self._moved_row_of:
            edges.sort()
            return edges
        return self._snapshot.sorted(np.asarray(edges, np.int32))

    def take(self) -> Reached:
        """What was claimed since `start`; leaves the working arrays clean for the next query."""
        index = np.array(self._claimed, np.int32)
        if self._claimed_runs:
            index = np.concatenate([index, *self._claimed_runs])
        index.sort()
        reached = Reached(
            index, self._states.take(index), self._distances.take(index), self._causes.take(index)
        )
        self._clean()
        return reached

    def _clean(self) -> None:
        for claimed in self._claimed:
            self._state[claimed] = 0
        for run in self._claimed_runs:
            self._states[run] = 0
        for members in self._counted:
            self._members_down[self._groups_of(np.asarray(members, np.int32))] = 0
        self._counted, self._claimed, self._claimed_runs = [], [], []

    def _advance_at_once(self, frontier: Run, state: int, distance: int) -> tuple[Run, Run, Run]:
        rows = self._snapshot.rows(np.asarray(frontier, np.int32))
        required = spread(rows.start, rows.end - rows.start)
        found = self._claim_at_once(required, state, distance)
        conditional = spread(rows.conditional_start, rows.conditional_end - rows.conditional_start)
        in_group = self._groups_of(conditional) >= 0
        return found, conditional[~in_group], conditional[in_group]

    def _claim_at_once(self, positions: Indices, state: int, distance: int) -> Indices:
        dependents = self._snapshot.layout.dependent[positions]
        fresh = np.flatnonzero(self._states.take(dependents) == 0)
        positions, dependents = positions[fresh], dependents[fresh]
        order = np.arange(len(fresh), dtype=np.int32)
        # minimum.at and not an assignment: numpy does not say which of several writes wins.
        self._causes[dependents] = _UNCLAIMED
        np.minimum.at(self._causes, dependents, order)
        first = self._causes.take(dependents) == order
        found: Indices = dependents[first]
        self._causes[found] = positions[first]
        self._states[found] = state
        self._distances[found] = distance
        self._claimed_runs.append(found)
        return found

    def _count_down_at_once(self, members: Indices) -> Run:
        groups = self._groups_of(members)
        np.add.at(self._members_down, groups, 1)
        up = self._snapshot.groups.size[groups] - self._members_down[groups]
        return members[up < self._snapshot.groups.needed[groups]]

    def _groups_of(self, positions: Indices) -> Indices:
        found: Indices = self._snapshot.layout.group_of[positions - self._conditional_from]
        return found


def join(one: Run, other: Run) -> Run:
    """Both runs in one, in no order."""
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    return np.concatenate([np.asarray(one, np.int32), np.asarray(other, np.int32)])
