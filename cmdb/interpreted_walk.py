"""The walk of the dependency graph in Python and numpy, there as soon as the process is.

States form a lattice and propagation only raises them, so there is one least fixpoint and any
order finds it. This order finds it in three phases, because a state depends only on states at
least as bad: what is down follows from what is down alone; degraded from down and degraded; at
risk from these and on nothing else, and it goes no further. Each phase walks by rounds, a round is
one relationship, and so every CI gets its final state by a shortest chain of final states.
"""

from __future__ import annotations

from cmdb.graph import GraphSnapshot
from cmdb.propagation import IDLE_KEPT, Propagation, Reached, Run, State, join

WORKLIST_LIMIT = 64
"""Frontiers of more CIs are taken as arrays. Measured: docs/decisions/0003-numpy-graph.md."""


class _OutOfPatienceError(Exception):
    """More CIs are down or degraded than the caller has patience for."""


def interpreted(
    snapshot: GraphSnapshot,
    failed: list[int],
    degraded: list[int],
    patience: int,
    worklist_limit: int = WORKLIST_LIMIT,
) -> Reached | None:
    """The `Walk` of this module. `worklist_limit` chooses by frontier size between its two equal
    ways: 0 takes every round as arrays, `sys.maxsize` walks every CI one by one."""
    idle = snapshot.idle_propagations
    try:
        propagation = idle.pop()
    except IndexError:
        propagation = Propagation(snapshot)
    propagation.start(failed, State.DOWN, worklist_limit)
    lost = False
    try:
        _propagate(propagation, failed, degraded, patience)
    except _OutOfPatienceError:
        lost = True
    whole = propagation.take()
    if len(idle) < IDLE_KEPT:
        idle.append(propagation)
    return None if lost else whole


def _propagate(
    propagation: Propagation, failed: list[int], degraded: list[int], patience: int
) -> None:
    soft, risky = _spread_down(propagation, failed, patience)
    begun = propagation.begin(degraded, State.DEGRADED)
    if soft or begun:
        _spread_degraded(propagation, begun, soft, risky, patience)
    for distance in sorted(risky):
        members = propagation.in_order(risky[distance])
        propagation.claim(members, State.AT_RISK, distance)


def _spread_down(
    propagation: Propagation, failed: list[int], patience: int
) -> tuple[dict[int, Run], dict[int, list[Run]]]:
    """The down set. Returns what it means for the next phases, by distance of the dependent:
    optional edges whose provider is down, and memberships of groups whose member is down."""
    soft: dict[int, Run] = {}
    risky: dict[int, list[Run]] = {}
    frontier: Run = failed
    distance = 0
    while len(frontier):
        patience = _less_patience(patience, frontier)
        distance += 1
        found, optional, members = propagation.advance(frontier, State.DOWN, distance)
        if len(optional):
            soft[distance] = optional
        if len(members):
            risky[distance] = [members]
            tipping = propagation.count_down(members)
            found = join(found, propagation.claim(tipping, State.DOWN, distance))
        found.sort()
        frontier = found
    return soft, risky


def _spread_degraded(
    propagation: Propagation,
    begun: Run,
    soft: dict[int, Run],
    risky: dict[int, list[Run]],
    patience: int,
) -> None:
    """The degraded set, from the CIs in `begun` and the optional edges in `soft`; adds to `risky`
    what follows from it."""
    frontier = begun
    distance = 0
    last = max(soft, default=0)
    while len(frontier) > 0 or distance < last:
        patience = _less_patience(patience, frontier)
        distance += 1
        found, _, members = propagation.advance(frontier, State.DEGRADED, distance)
        if len(members):
            risky.setdefault(distance, []).append(members)
        if distance in soft:
            found = join(found, propagation.claim(soft[distance], State.DEGRADED, distance))
        found.sort()
        frontier = found


def _less_patience(patience: int, frontier: Run) -> int:
    if len(frontier) > patience:
        raise _OutOfPatienceError
    return patience - len(frontier)
