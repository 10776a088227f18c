"""What a failure reaches, in which state, how far away and why: the table in docs/impact.md.

States form a lattice and propagation only raises them, so there is one least fixpoint and any
order finds it. This order finds it in three phases, because a state depends only on states at
least as bad: what is down follows from what is down alone; degraded from down and degraded; at
risk from these and on nothing else, and it goes no further. Each phase walks by rounds, a round is
one relationship, and so every CI gets its final state by a shortest chain of final states.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np

from cmdb.graph import EdgeKind, GraphSnapshot, Ids, Indices
from cmdb.propagation import NOBODY, Propagation, Reached, Run, join
from opsatlas.errors import NotFoundError

WORKLIST_LIMIT = 64
"""Frontiers of more CIs are taken as arrays. Measured: docs/decisions/0003-numpy-graph.md."""

_IDLE_KEPT = 4
"""Sets of working arrays kept a snapshot: about as many queries as really run at once."""


class ReachesFarError(Exception):
    """The failure reaches more CIs than the caller has patience for."""


class State(IntEnum):
    """The lattice of states: a greater one is worse and wins."""

    OPERATIONAL = 0
    AT_RISK = 1
    DEGRADED = 2
    DOWN = 3


class CauseKind(StrEnum):
    """Which rule put a CI into its state."""

    FAILED = "failed"
    REQUIRED = "required"
    OPTIONAL = "optional"
    REDUNDANCY = "redundancy"


_RULES = {
    EdgeKind.REQUIRED: CauseKind.REQUIRED,
    EdgeKind.OPTIONAL: CauseKind.OPTIONAL,
    EdgeKind.REDUNDANCY: CauseKind.REDUNDANCY,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a CI has its final state. All but `kind` is None for a CI that failed (or degraded)
    itself.

    In a redundancy group the provider is the member whose failure tipped it (the group's
    dependent is down) or the nearest member that is degraded or down (it is at risk).
    """

    kind: CauseKind
    provider_id: int | None = None
    relationship_id: int | None = None
    group_id: int | None = None
    members: int | None = None
    """Distinct members present; this and the next two only for a redundancy group."""
    up: int | None = None
    """Members that are not down in the final state."""
    min_up: int | None = None
    """Members that must be up, a percentage resolved."""


@dataclass(frozen=True, slots=True)
class Step:
    """One CI on a path from a failed CI, in its final state."""

    ci_id: int
    state: State
    cause: Cause


@dataclass(slots=True, eq=False)
class ImpactResult:
    """Every affected CI, the failed ones among them, ordered by CI id; k is how many."""

    snapshot: GraphSnapshot
    reached: Reached
    """Arrays of length k: `index` in the snapshot, `state`, `distance` (relationships on the path
    that explains it), `cause` (position of the edge that raised it, -1 for a failed CI)."""
    whole: Reached
    """The same without a `max_depth`: the facts behind a state may lie beyond it."""

    @property
    def ids(self) -> Ids:
        """(k,) CI ids, ascending."""
        return self.snapshot.ids[self.reached.index]

    def counts(self) -> dict[State, int]:
        """How many CIs are at risk, degraded and down, without the failed ones."""
        reached = np.bincount(
            self.reached.state[self.reached.cause != NOBODY], minlength=len(State)
        )
        return {state: int(reached[state]) for state in State if state}

    def state_of(self, ci_id: int) -> State:
        """The final state of a CI; operational where nothing reached it (within `max_depth`).

        Raises NotFoundError for a CI that is not in the snapshot.
        """
        row = _row(self.reached.index, self.snapshot.index_of(ci_id))
        return State.OPERATIONAL if row is None else State(self.reached.state[row])

    def cause_of(self, ci_id: int) -> Cause:
        """Why an affected CI has its state. Raises NotFoundError for one that is not affected."""
        return self._cause(self._affected_row(ci_id))

    def step(self, ci_id: int) -> Step:
        """The last step of the path to an affected CI: itself.

        Raises NotFoundError for one that is not affected.
        """
        row = self._affected_row(ci_id)
        return Step(ci_id, State(self.reached.state[row]), self._cause(row))

    def path(self, ci_id: int) -> list[Step]:
        """A shortest explanation of an affected CI: from a failed CI to it, `distance` steps on.

        Each step is a provider, followed by its dependent. Raises NotFoundError for a CI that is
        not affected.
        """
        row = self._affected_row(ci_id)
        steps = []
        while True:
            cause = self._cause(row)
            ci = int(self.snapshot.ids[self.reached.index[row]])
            steps.append(Step(ci, State(self.reached.state[row]), cause))
            if cause.provider_id is None:
                return steps[::-1]
            row = self._affected_row(cause.provider_id)

    def _affected_row(self, ci_id: int) -> int:
        row = _row(self.reached.index, self.snapshot.index_of(ci_id))
        if row is None:
            raise NotFoundError(f"configuration item {ci_id} is not affected")
        return row

    def _cause(self, row: int) -> Cause:
        position = int(self.reached.cause[row])
        if position == NOBODY:
            return Cause(CauseKind.FAILED)
        snapshot = self.snapshot
        kind = _RULES[snapshot.kind_of(position)]
        provider = int(snapshot.ids[snapshot.provider_of(position)])
        relationship = int(snapshot.relationship[position])
        if kind != CauseKind.REDUNDANCY:
            return Cause(kind, provider, relationship)
        group = snapshot.group_at(position)
        members = snapshot.members_of(group)
        return Cause(
            kind,
            provider,
            relationship,
            group_id=int(snapshot.group_id[group]),
            members=len(members),
            up=len(members) - self._down_among(members),
            min_up=int(snapshot.group_needed[group]),
        )

    def _down_among(self, members: Indices) -> int:
        rows = np.searchsorted(self.whole.index, members).clip(max=len(self.whole.index) - 1)
        reached = self.whole.index[rows] == members
        return int(np.count_nonzero(reached & (self.whole.state[rows] == State.DOWN)))


def analyse(
    snapshot: GraphSnapshot,
    failed: Iterable[int],
    max_depth: int | None = None,
    worklist_limit: int = WORKLIST_LIMIT,
    degraded: Iterable[int] = (),
    patience: int = sys.maxsize,
) -> ImpactResult:
    """What is affected when these CIs (ids) fail together, and those in `degraded` degrade.

    `max_depth` leaves out what is farther away; the states of the rest stay those of the whole
    propagation. `worklist_limit` chooses between two equal ways to walk, by frontier size: 0 takes
    every round as arrays, `sys.maxsize` walks every CI one by one. Any number of threads may ask
    at once. Raises NotFoundError for a failed CI that is not in the snapshot, and ReachesFarError
    once more than `patience` CIs turn out to be down or degraded.
    """
    indices = sorted({snapshot.index_of(ci_id) for ci_id in failed})
    worse = sorted({snapshot.index_of(ci_id) for ci_id in degraded})
    idle = snapshot.idle_propagations
    try:
        propagation = idle.pop()
    except IndexError:
        propagation = Propagation(snapshot)
    propagation.start(indices, State.DOWN, worklist_limit)
    try:
        _propagate(propagation, indices, worse, patience)
    finally:
        whole = propagation.take()
    if len(idle) < _IDLE_KEPT:
        idle.append(propagation)
    return ImpactResult(snapshot, whole if max_depth is None else whole.within(max_depth), whole)


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
        raise ReachesFarError
    return patience - len(frontier)


def _row(index: Indices, wanted: int) -> int | None:
    row = bisect_left(index.data, wanted)
    return row if row < len(index) and index[row] == wanted else None
