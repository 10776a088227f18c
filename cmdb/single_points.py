"""Single points of failure: which CIs, each failing alone, take which services down.

That a CI is down when x fails alone follows from what is down below it, so the set of all such x
is, for one CI, the union of the sets of what it requires, and of those x that are in too many sets
of a redundancy group's members. The sets are rows of bits, a block of x at a time, and are made
level by level from the bottom: the cost does not depend on how much a failure reaches.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Ids, Indices
from cmdb.graph_input import NONE
from cmdb.single_points_plan import Groups, Plan, Rows, Step, make_plan
from cmdb.whole_graph import Mask

Bits = NDArray[np.uint64]

_BLOCK_BYTES = 48 * 1024 * 1024
KEPT = 10
_WORD = 64
_AT_ONCE = 512
"""Rows whose bits are counted at a time: each is a byte then."""


@dataclass(frozen=True, slots=True, eq=False)
class SinglePoints:
    """What each CI takes down alone. n CIs, s services, g groups; arrays by index."""

    taken_down: Ids
    """(n, kinds) services that go down with the CI, itself left out, by kind of service."""
    points: Ids
    """(s,) CIs that take the service down alone, itself left out."""
    shared: Ids
    """(g,) CIs that, failing alone, leave a group with spare members too few of them; without the
    group's dependent. 0 for groups that have no spare member."""
    owner: Indices
    """(g,) index of the dependent of each group that has members to spare, else -1."""
    nearest_shared: dict[int, list[int]]
    """By group index, up to `KEPT` of those CIs (by index), the farthest from the bottom first."""
    needed: Mask
    """(n,) what the services stand on, themselves included; without what is optional."""
    examined: int
    """CIs that were examined, and of how many; the rest was beyond the time budget."""
    candidates: int


def find_single_points(
    snapshot: GraphSnapshot,
    services: Indices,
    kind: Indices,
    kinds: int,
    budget: float = float("inf"),
) -> SinglePoints:
    """What takes the CIs `services` (indices, ascending) down alone.

    `kind` (s,) sorts them, 0 to `kinds` - 1: counts are by kind. After `budget` seconds the rest
    is left out; what most CIs stand on is examined first.
    """
    end = time.monotonic() + budget
    plan = make_plan(snapshot, services)
    units = len(plan.size)
    found = _Found(snapshot, plan, services, kind, kinds)
    sets = np.zeros((units, _words(units)), np.uint64)
    examined = 0
    while examined < units:
        stop = min(examined + sets.shape[1] * _WORD, units)
        if not _fill(sets, plan, examined, end):
            break
        found.add(sets, examined, stop)
        examined = stop
    return found.result(examined)


def _words(units: int) -> int:
    """Words of one row, so that a block of all rows fits in memory."""
    return max(1, min(-(-units // _WORD), _BLOCK_BYTES // 8 // max(1, units)))


def _fill(sets: Bits, plan: Plan, start: int, end: float) -> bool:
    """Make the sets for the block of units that begins at row `start`; False once time is up."""
    column = np.arange(min(sets.shape[1] * _WORD, len(plan.size) - start))
    sets.fill(0)
    sets.view(np.uint8)[start + column, column // 8] = 1 << (column % 8)
    for step in plan.steps:
        if step.level < plan.level[start]:
            continue  # nothing below can fail with what is above
        changing = True
        while changing:
            if time.monotonic() >= end:
                return False
            before = sets[step.rows] if step.circular else None
            _take(sets, step)
            changing = before is not None and not np.array_equal(before, sets[step.rows])
    return True


def _take(sets: Bits, step: Step) -> None:
    if len(step.needs.provider):
        union = np.bitwise_or.reduceat(sets[step.needs.provider], step.needs.first, axis=0)
        sets[step.needs.dependent] |= union
    for groups in step.groups:
        tipped = _too_many(sets, groups)
        sets[groups.dependent] |= np.bitwise_or.reduceat(tipped, groups.first, axis=0)


def _too_many(sets: Bits, groups: Groups) -> Bits:
    """(g, words) what is in at least `too_many` of the members' sets."""
    at_least = [sets[groups.member[:, 0]]]
    for place in range(1, groups.member.shape[1]):
        member = sets[groups.member[:, place]]
        if len(at_least) < groups.too_many:
            at_least.append(at_least[-1] & member)
        for count in range(min(place, groups.too_many) - 1, 0, -1):
            at_least[count] |= at_least[count - 1] & member
        at_least[0] |= member
    return at_least[groups.too_many - 1]


class _Found:
    """Sums over blocks."""

    def __init__(
        self, snapshot: GraphSnapshot, plan: Plan, services: Indices, kind: Indices, kinds: int
    ) -> None:
        self._plan = plan
        self._of_kind = [np.flatnonzero(kind == each) for each in range(kinds)]
        self._kind = kind
        self._services = services
        self._rows = plan.unit_of[services]
        self._taken_down = np.zeros((len(plan.size), kinds), np.int64)
        self._points = np.zeros(len(services), np.int64)
        self._shared = np.zeros(len(snapshot.group_id), np.int64)
        self._nearest: dict[int, list[int]] = {}

    def add(self, sets: Bits, start: int, stop: int) -> None:
        """What a block of units, those at rows `start` to `stop`, takes down."""
        size = self._plan.size[start:stop]
        for kind, places in enumerate(self._of_kind):
            for some in np.array_split(places, len(places) // _AT_ONCE + 1):
                bits = _bits(sets[self._rows[some]], stop - start)
                self._taken_down[start:stop, kind] += bits.sum(axis=0, dtype=np.int64)
                self._points[some] += _weighed(bits, size)
        for step in self._plan.steps:
            if step.level >= self._plan.level[start]:
                for groups in step.groups:
                    for cut in range(0, len(groups.group), _AT_ONCE):
                        few = groups.only(slice(cut, cut + _AT_ONCE))
                        self._add_shared(few, _too_many(sets, few), start)

    def _add_shared(self, groups: Groups, tipped: Bits, start: int) -> None:
        place, unit = _places(tipped)
        unit += start
        size = self._plan.size[unit] - (groups.owner[place] == unit)
        shared = np.bincount(place, size, len(groups.group)).astype(np.int64)
        self._shared[groups.group] += shared
        ends = np.cumsum(np.bincount(place, minlength=len(groups.group)))
        last = np.arange(len(place)) >= ends[place] - KEPT
        for group, row in zip(groups.group[place[last]].tolist(), unit[last].tolist(), strict=True):
            self._nearest.setdefault(group, []).append(row)

    def result(self, examined: int) -> SinglePoints:
        """The sums by CI, after the first so many units."""
        plan = self._plan
        inside = np.flatnonzero(plan.unit_of >= 0)
        taken_down = np.zeros((len(plan.unit_of), self._taken_down.shape[1]), np.int64)
        taken_down[inside] = self._taken_down[plan.unit_of[inside]]
        own = np.flatnonzero(self._rows < examined)
        taken_down[self._services[own], self._kind[own]] -= 1
        self._points[own] -= 1
        return SinglePoints(
            taken_down,
            self._points,
            self._shared,
            plan.owner,
            self._nearest_shared(),
            plan.unit_of != NONE,
            int(plan.size[:examined].sum()),
            int(plan.size.sum()),
        )

    def _nearest_shared(self) -> dict[int, list[int]]:
        members = np.argsort(self._plan.unit_of, kind="stable")
        first = np.searchsorted(self._plan.unit_of[members], np.arange(len(self._plan.size) + 1))
        found = {}
        for group, rows in self._nearest.items():
            owner = self._plan.owner[group]
            cis = (
                ci
                for row in reversed(rows)
                for ci in members[first[row] : first[row + 1]][: KEPT + 1].tolist()
                if ci != owner
            )
            if kept := list(islice(cis, KEPT)):
                found[group] = kept
        return found


def _places(rows: Bits) -> tuple[Rows, Rows]:
    """The row and the column of each bit that is set, row after row."""
    row, word = np.nonzero(rows)
    words = np.ascontiguousarray(rows[row, word])
    each, bit = np.nonzero(_bits(words[:, None], _WORD))
    return row[each], word[each] * _WORD + bit


def _bits(rows: Bits, columns: int) -> NDArray[np.uint8]:
    """(rows, columns) 0 or 1."""
    return np.unpackbits(rows.view(np.uint8), axis=1, count=columns, bitorder="little")


def _weighed(bits: NDArray[np.uint8], size: Ids) -> Ids:
    """How many CIs each row holds, `size` of them a column."""
    many = np.flatnonzero(size > 1)
    whole: Ids = bits.sum(axis=1, dtype=np.int64)
    return whole + bits[:, many] @ (size[many] - 1)
