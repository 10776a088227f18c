"""What a failure reaches, in which state, how far away and why: the table in docs/impact.md."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cmdb.graph import EdgeKind, GraphSnapshot, Ids, Indices
from cmdb.interpreted_walk import interpreted
from cmdb.propagation import NOBODY, Reached, State
from cmdb.walks import Walk, compiled
from opsatlas.errors import NotFoundError

__all__ = [
    "Cause",
    "CauseKind",
    "ImpactResult",
    "ReachesFarError",
    "State",
    "Step",
    "analyse",
]


class ReachesFarError(Exception):
    """The failure reaches more CIs than the caller has patience for."""


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
    *,
    degraded: Iterable[int] = (),
    patience: int = sys.maxsize,
    walk: Walk | None = None,
) -> ImpactResult:
    """What is affected when these CIs (ids) fail together, and those in `degraded` degrade.

    `max_depth` leaves out what is farther away; the states of the rest stay those of the whole
    propagation. `walk` chooses among ways to walk that all answer the same; None takes the fastest
    that is there. Any number of threads may ask at once. Raises NotFoundError for a failed CI that
    is not in the snapshot, and ReachesFarError once more than `patience` CIs turn out to be down
    or degraded.
    """
    walk = walk or compiled() or interpreted
    whole = walk(snapshot, _indices(snapshot, failed), _indices(snapshot, degraded), patience)
    if whole is None:
        raise ReachesFarError
    return ImpactResult(snapshot, whole if max_depth is None else whole.within(max_depth), whole)


def _indices(snapshot: GraphSnapshot, ci_ids: Iterable[int]) -> list[int]:
    indices = [snapshot.index_of(ci_id) for ci_id in ci_ids]
    return indices if len(indices) <= 1 else sorted(set(indices))


def _row(index: Indices, wanted: int) -> int | None:
    row = bisect_left(index.data, wanted)
    return row if row < len(index) and index[row] == wanted else None
