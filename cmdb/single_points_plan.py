"""In which order to ask what fails with what: the graph cut down to what can take a service down.

CIs that need each other in a circle fail together and become one *unit*. Units stand in *levels*:
a unit's providers are on levels below its own, except in circles that run through redundancy
groups, whose units share a level and are taken again until nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Ids, Indices
from cmdb.graph_input import NONE
from cmdb.whole_graph import Carriers, Mask, carriers, circle_labels, reached_from, spare_of

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Of some dependents, ascending: the rows of all that each of them needs, run after run."""

    provider: Rows
    first: Rows
    """Where the run of each dependent starts in `provider`."""
    dependent: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Redundancy groups of one shape: so many members, of which so many down are too many."""

    too_many: int
    member: Rows
    """(g, members) rows of the members; two of one unit fail together."""
    group: Indices
    """(g,) group index."""
    owner: Rows
    """(g,) row of the dependent, ascending."""
    first: Rows
    dependent: Rows
    """As in `Needs`, over the groups: those of one dependent are a run."""

    def only(self, some: slice) -> Groups:
        """Some of these groups."""
        owner = self.owner[some]
        first = _starts(owner)
        return Groups(
            self.too_many, self.member[some], self.group[some], owner, first, owner[first]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What can be taken at once. `circular` steps are repeated until nothing changes."""

    level: int
    circular: bool
    rows: Rows
    needs: Needs
    groups: tuple[Groups, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Units by row, ordered by level, and the steps over them."""

    unit_of: Indices
    """(n,) row of the unit of each CI; -1 for CIs that no service needs."""
    size: Ids
    """(u,) CIs in each unit."""
    level: Indices
    """(u,) ascending."""
    owner: Indices
    """(g,) index of the dependent of each group that has members to spare, else -1."""
    steps: tuple[Step, ...]


def make_plan(snapshot: GraphSnapshot, services: Indices) -> Plan:
    """How to find out what takes the CIs `services` (indices) down alone."""
    edges = carriers(snapshot)
    carries = edges.needed | edges.redundant
    relevant = reached_from(
        services, edges.dependent[carries], edges.provider[carries], snapshot.size
    )
    carries &= relevant[edges.dependent]
    needed = edges.needed & carries
    unit_of, level, circular = _units(edges, relevant, carries, needed)
    pairs = np.stack([unit_of[edges.dependent[needed]], unit_of[edges.provider[needed]]])
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1).astype(np.intp)
    redundant = carries & ~needed
    grouped = _Grouped(
        edges.group[redundant],
        unit_of[edges.dependent[redundant]],
        unit_of[edges.provider[redundant]],
        spare_of(snapshot),
    )
    steps = tuple(_steps(level, circular, pairs[0], pairs[1], grouped))
    size = np.bincount(unit_of[relevant], minlength=len(level))
    owner = np.full(len(snapshot.group_id), NONE, np.int32)
    owner[edges.group[edges.redundant]] = edges.dependent[edges.redundant]
    return Plan(unit_of, size, level, owner, steps)


def _units(
    edges: Carriers, relevant: Mask, carries: Mask, needed: Mask
) -> tuple[Indices, Indices, Mask]:
    """The unit of each CI, by row; the level of each unit, and whether it is in a circle."""
    together = circle_labels(edges.provider[needed], edges.dependent[needed], len(relevant))
    labels, unit = np.unique(together[relevant], return_inverse=True)
    unit_of = np.full(len(relevant), NONE, np.int32)
    unit_of[relevant] = unit
    provider, dependent = unit_of[edges.provider[carries]], unit_of[edges.dependent[carries]]
    circle = circle_labels(provider, dependent, len(labels))
    level = _levels(provider, dependent, circle)
    order = np.argsort(level, kind="stable")
    row = np.empty(len(labels), np.int32)
    row[order] = np.arange(len(labels), dtype=np.int32)
    unit_of[relevant] = row[unit]
    return unit_of, level[order], (np.bincount(circle)[circle] > 1)[order]


class _Grouped:
    """Memberships of redundancy groups, cut by step and by shape."""

    def __init__(self, group: Indices, dependent: Indices, member: Indices, spare: Indices) -> None:
        order = np.lexsort((group, dependent))
        self._member = member[order].astype(np.intp)
        self.group, self._first, self._size = np.unique(
            group[order], return_index=True, return_counts=True
        )
        by_place = np.argsort(self._first)
        self.group, self._first = self.group[by_place], self._first[by_place]
        self._size = self._size[by_place]
        self.dependent = dependent[order][self._first].astype(np.intp)
        self._too_many = spare[self.group] + 1

    def of(self, wanted: Rows) -> Iterator[Groups]:
        """These groups (places, ascending), those of one shape at a time."""
        shape = np.stack([self._size[wanted], self._too_many[wanted]])
        for size, too_many in np.unique(shape, axis=1).T.tolist():
            some = wanted[(shape[0] == size) & (shape[1] == too_many)]
            member = self._member[self._first[some][:, None] + np.arange(size)]
            owner = self.dependent[some]
            first = _starts(owner)
            yield Groups(too_many, member, self.group[some], owner, first, owner[first])


def _steps(
    level: Indices,
    circular: Mask,
    dependent: Rows,
    provider: Rows,
    grouped: _Grouped,
) -> Iterator[Step]:
    place = level.astype(np.int64) * 2 + circular  # of one level, those outside of circles first
    order = np.argsort(place[dependent], kind="stable")
    dependent, provider = dependent[order], provider[order]
    rows_by = np.argsort(place, kind="stable")
    groups_by = np.argsort(place[grouped.dependent], kind="stable")
    wanted = np.unique(place)
    cuts = [
        np.searchsorted(keys, [wanted, wanted + 1]).T.tolist()
        for keys in (place[rows_by], place[dependent], place[grouped.dependent][groups_by])
    ]
    for each, rows, needs, groups in zip(wanted.tolist(), *cuts, strict=True):
        if needs[0] == needs[1] and groups[0] == groups[1]:
            continue
        some = dependent[slice(*needs)]
        first = _starts(some)
        yield Step(
            each // 2,
            bool(each % 2),
            rows_by[slice(*rows)],
            Needs(provider[slice(*needs)], first, some[first]),
            tuple(grouped.of(groups_by[slice(*groups)])),
        )


def _starts(values: Rows) -> Rows:
    """Where each run of equal values starts."""
    return np.flatnonzero(np.diff(values, prepend=-1))


def _levels(provider: Indices, dependent: Indices, circle: Indices) -> Indices:
    """(units,) the longest way up to each unit, circles taken as one."""
    count = int(circle.max(initial=-1)) + 1
    pairs = np.stack([circle[provider], circle[dependent]])
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    first = np.searchsorted(pairs[0], np.arange(count + 1)).tolist()
    targets = pairs[1].tolist()
    waiting = np.bincount(pairs[1], minlength=count).tolist()
    level = [0] * count
    ready = [each for each in range(count) if not waiting[each]]
    while ready:  # one by one, as a chain may be as long as the inventory
        each = ready.pop()
        above = level[each] + 1
        for target in targets[first[each] : first[each + 1]]:
            level[target] = max(level[target], above)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return np.array(level, np.int32)[circle]
