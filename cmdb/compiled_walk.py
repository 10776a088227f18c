"""The walk of `cmdb/propagation.py` as machine code, made by numba: the same rules, CI by CI.

Importing this costs numba's import, and the first call the compilation, which numba keeps on disk
for the next process. So only `cmdb/walks.py` imports it, in the background of a server.
`test_impact_properties.py` holds all walks to the same answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cmdb.compiled_claims import (
    Claims,
    Graph,
    claim_all,
    collect,
    machine_code,
    order,
    put,
    rows,
)
from cmdb.graph import GraphSnapshot, Indices
from cmdb.propagation import Reached

_AT_RISK, _DEGRADED, _DOWN = 1, 2, 3  # as State has them
_AT_HAND = 4096
"""CIs that an answer may reach without an allocation of its own."""
OUT_OF_PATIENCE = -1


class CompiledWalk:
    """Working arrays for one question at a time on one snapshot: 25 bytes a CI, 4 a group and 12 a
    conditional edge, of which only what a question reaches is ever touched."""

    def __init__(self, snapshot: GraphSnapshot) -> None:
        layout, groups = snapshot.layout, snapshot.groups
        conditional = layout.used["conditional"] - layout.conditional_from
        self._mark = np.zeros(snapshot.size, np.uint8)
        self._claim = np.empty((snapshot.size, 4), np.int32)
        self._queue = np.empty(snapshot.size, np.int32)
        self._one = np.empty(1, np.int32)
        self._at_hand = np.empty((4, min(_AT_HAND, snapshot.size)), np.int32)
        self._arguments = (
            layout.required_first,
            layout.conditional_first,
            np.stack([snapshot.moved, *snapshot.moved_rows], axis=1),
            layout.dependent,
            layout.group_of,
            layout.conditional_from,
            groups.size,
            groups.needed,
            self._mark,
            self._claim,
            self._queue,
            np.zeros(len(groups.id), np.int32),
            np.empty((conditional, 3), np.int32),
            self._at_hand,
        )

    def __call__(self, failed: list[int], degraded: list[int], patience: int) -> Reached | None:
        """What CIs (indices) reach that fail and that degrade; None where that is more than
        `patience` that are down or degraded."""
        if len(failed) == 1 and not degraded:  # what is asked most; spares a third of the rest
            begun = self._one
            begun[0] = failed[0]
        else:
            begun = np.array(failed + degraded, np.int32)
        count = _walk(begun, len(failed), patience, *self._arguments)
        if count == OUT_OF_PATIENCE:
            return None
        if count <= self._at_hand.shape[1]:
            found = self._at_hand[:, :count].copy()
        else:
            found = np.empty((4, count), np.int32)
            collect(self._mark, self._claim, self._queue, count, found)
        return Reached(*found)


@machine_code
def _walk(
    begun: Indices,
    failed: int,
    patience: int,
    required_first: Indices,
    conditional_first: Indices,
    moved: Indices,
    dependent: Indices,
    group_of: Indices,
    conditional_from: int,
    group_size: Indices,
    group_needed: Indices,
    mark: NDArray[np.uint8],
    claim: Indices,
    queue: Indices,
    group_down: Indices,
    waiting: Indices,
    answer: Indices,
) -> int:
    """Walks the three phases; returns how many CIs were reached, the failed ones among them, or
    `OUT_OF_PATIENCE` where more than `patience` are down or degraded.

    `waiting` takes the conditional edges of the CIs that are down or degraded, by distance:
    position, provider and distance of the dependent. An answer that fits into `answer` is put
    there, and the working arrays are clean again.
    """
    graph = Graph(required_first, conditional_first, moved, dependent, group_of, conditional_from)
    claims = Claims(mark, claim, queue)
    count = claim_all(begun[:failed], 4 + _DOWN, claims, 0)
    groups = (group_size, group_needed, group_down)
    count, of_down, step = _spread_down(graph, groups, claims, waiting, count, patience)
    if count <= patience:
        first = count
        step += 1
        count = claim_all(begun[failed:], 4 * step + _DEGRADED, claims, count)
        count, waits, step = _spread_degraded(
            graph, claims, waiting, of_down, first, count, step, patience
        )
    lost = count > patience
    if not lost:
        count = _put_at_risk(graph, claims, waiting, of_down, waits, count, step)
    for at in range(of_down):
        group = group_of[waiting[at, 0] - conditional_from]
        if group >= 0:
            group_down[group] = 0
    if lost:
        for at in range(count):
            mark[queue[at]] = 0
        return OUT_OF_PATIENCE
    if count <= answer.shape[1]:
        collect(mark, claim, queue, count, answer)
    return count


@machine_code
def _spread_down(
    graph: Graph,
    groups: tuple[Indices, Indices, Indices],
    claims: Claims,
    waiting: Indices,
    count: int,
    patience: int,
) -> tuple[int, int, int]:
    """Down by required edges, and by groups that have too few members up.

    Returns how many are claimed, how many edges wait, and the last step.
    """
    size, needed, down = groups
    step = first_step = 1
    begin = distance = waits = 0
    while begin < count <= patience:
        end = count
        distance += 1
        order(claims, begin, end, 4 * first_step)
        first_step = step + 1
        step += 2
        key = 4 * first_step + _DOWN
        earlier = waits
        for at in range(begin, end):
            if count > patience:
                break
            provider = claims.queue[at]
            start, stop, other, other_stop = rows(graph, provider)
            for position in range(start, stop):
                count = put(graph, claims, count, position, provider, distance, key)
            for position in range(other, other_stop):
                waiting[waits, 0] = position
                waiting[waits, 1] = provider
                waiting[waits, 2] = distance
                waits += 1
                group = graph.group_of[position - graph.conditional_from]
                if group >= 0:
                    down[group] += 1
        key = 4 * step + _DOWN
        for at in range(earlier, waits):
            position = waiting[at, 0]
            group = graph.group_of[position - graph.conditional_from]
            if group >= 0 and size[group] - down[group] < needed[group]:
                count = put(graph, claims, count, position, waiting[at, 1], distance, key)
        begin = end
    return count, waits, step


@machine_code
def _spread_degraded(
    graph: Graph,
    claims: Claims,
    waiting: Indices,
    of_down: int,
    begin: int,
    count: int,
    step: int,
    patience: int,
) -> tuple[int, int, int]:
    """Degraded by optional edges of what is down, and by required ones of what is degraded.

    The CIs from `begin` on began so. Returns as `_spread_down` does.
    """
    last = 0
    for at in range(of_down):
        if graph.group_of[waiting[at, 0] - graph.conditional_from] < 0:
            last = waiting[at, 2]
    waits, first_step = of_down, step
    distance = soft = 0
    while (begin < count or distance < last) and count <= patience:
        end = count
        distance += 1
        order(claims, begin, end, 4 * first_step)
        first_step = step + 1
        step += 2
        key = 4 * first_step + _DEGRADED
        for at in range(begin, end):
            if count > patience:
                break
            provider = claims.queue[at]
            start, stop, other, other_stop = rows(graph, provider)
            for position in range(start, stop):
                count = put(graph, claims, count, position, provider, distance, key)
            for position in range(other, other_stop):
                if graph.group_of[position - graph.conditional_from] >= 0:
                    waiting[waits, 0] = position
                    waiting[waits, 1] = provider
                    waiting[waits, 2] = distance
                    waits += 1
        key = 4 * step + _DEGRADED
        while soft < of_down and waiting[soft, 2] <= distance:
            position = waiting[soft, 0]
            if graph.group_of[position - graph.conditional_from] < 0:
                count = put(graph, claims, count, position, waiting[soft, 1], distance, key)
            soft += 1
        begin = end
    return count, waits, step


@machine_code
def _put_at_risk(
    graph: Graph,
    claims: Claims,
    waiting: Indices,
    of_down: int,
    waits: int,
    count: int,
    step: int,
) -> int:
    """At risk by members of groups that are down or degraded; returns how many are claimed."""
    down, degraded = 0, of_down  # two runs, each by distance
    while down < of_down or degraded < waits:
        if degraded == waits or (down < of_down and waiting[down, 2] <= waiting[degraded, 2]):
            distance = waiting[down, 2]
        else:
            distance = waiting[degraded, 2]
        step += 1
        key = 4 * step + _AT_RISK
        while down < of_down and waiting[down, 2] == distance:
            position = waiting[down, 0]
            if graph.group_of[position - graph.conditional_from] >= 0:
                count = put(graph, claims, count, position, waiting[down, 1], distance, key)
            down += 1
        while degraded < waits and waiting[degraded, 2] == distance:
            position, provider = waiting[degraded, 0], waiting[degraded, 1]
            count = put(graph, claims, count, position, provider, distance, key)
            degraded += 1
    return count
