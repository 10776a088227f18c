"""How well a failure explains what was seen: the likelihood of docs/suspects.md, nothing else.

Every constant of the model stands here. Those without a source are ours, set beforehand and not
fitted to `bench/suspects.py`; two of them (`REPORTED`, `WRONG`) are what that bench injects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import lgamma, log

import numpy as np

from cmdb.graph import Indices
from cmdb.impact import ImpactResult, State
from cmdb.propagation import Reached
from cmdb.suspect_candidates import HEALTHY, SILENT

REPORTED, UNREPORTED = 4.0, 1.0
"""Beta prior of the share of affected services that somebody reports: 80 %, held loosely. It is
worth five observations, so that a caller who names 2 of 30 services loses little by it."""
WRONG = 0.05
"""Share of the symptoms that have nothing to do with the failure: a second, small trouble."""
SAME_STATE = 0.9
"""How often a CI that is down is called down, and one that is degraded is called degraded."""
SEEN_HEALTHY = {State.DOWN: 0.02, State.DEGRADED: 0.2}
"""How often a CI in that state is called healthy all the same: by who looked too early, or at a
part that still works."""
TWO_FAILED = 0.1
"""How often two CIs failed on their own, given that something did."""
_HEALTHY_DOWN = log(SEEN_HEALTHY[State.DOWN])
_ONE, _TWO = log(1 - TWO_FAILED), log(2 * TWO_FAILED)  # two: in either order


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was seen, by index in the snapshot."""

    symptoms: Mapping[int, State | None]
    """In the order of the caller; None where only is said that something is wrong."""
    healthy: frozenset[int]
    observed: Indices
    """CIs that somebody would report if they were affected, ascending: their silence says much."""
    weights: Mapping[int, float] = field(default_factory=dict)
    """How much more often than others a CI fails; 1 where nothing is said."""
    size: int = 1
    """CIs in the graph: each may be the one that failed."""

    @cached_property
    def wrong_each(self) -> float:
        """Log probability that a CI that is fine is reported."""
        seen = max(len(self.observed), len(self.symptoms), 1)
        return log(max(WRONG * len(self.symptoms), WRONG) / (seen + 1))

    @cached_property
    def silent_indices(self) -> Indices:
        """Observed CIs of which nothing is said, ascending."""
        said = np.array(sorted({*self.symptoms, *self.healthy}), np.int64)
        return np.setdiff1d(self.observed, said, assume_unique=True)

    @cached_property
    def marks(self) -> bytearray:
        """(size,) what is known of CIs that show no symptom: `SILENT`, `HEALTHY` or 0."""
        marks = np.zeros(self.size, np.uint8)
        marks[self.silent_indices] = SILENT
        marks[list(self.healthy)] = HEALTHY
        return bytearray(marks.tobytes())

    @cached_property
    def _log_total(self) -> float:
        return log(self.size + sum(weight - 1.0 for weight in self.weights.values()))

    @cached_property
    def _counts(self) -> dict[tuple[int, int], float]:
        return {}

    def prior(self, failed: tuple[int, ...]) -> float:
        """Log probability that this one CI failed, or these two, before anything is seen."""
        weights = [self.weights[index] for index in failed if index in self.weights]
        each = sum(map(log, weights)) - len(failed) * self._log_total
        return each + (_ONE if len(failed) == 1 else _TWO)

    def bound(self, failed: tuple[int, ...], explained: int, silent: int, healthy: int) -> float:
        """The most that a failure can score that explains at most so many symptoms and takes down
        at least so many CIs that are silent, and so many that are healthy."""
        # Convex in how many it explains: the most is at an end.
        best = max(self.counted(0, silent), self.counted(explained, silent))
        return self.prior(failed) + best + healthy * _HEALTHY_DOWN

    def counted(self, explained: int, silent: int) -> float:
        known = self._counts.get((explained, silent))
        if known is None:
            reported = _log_beta(REPORTED + explained, UNREPORTED + silent)
            unexplained = (len(self.symptoms) - explained) * self.wrong_each
            known = reported - _log_beta(REPORTED, UNREPORTED) + unexplained
            self._counts[explained, silent] = known
        return known


@dataclass(frozen=True, eq=False)
class Explanation:
    """One CI or two whose failure may be behind it all, and what that failure would mean."""

    failed: tuple[int, ...]
    """Indices, ascending."""
    score: float
    """Log of prior times likelihood."""
    explains: list[int]
    """Symptoms that it would cause, in the order of the evidence."""
    misses: list[int]
    contradicts: list[int]
    silent: int
    """Affected services that nobody reported and nobody called healthy."""
    result: ImpactResult


def explain(evidence: Evidence, failed: tuple[int, ...], result: ImpactResult) -> Explanation:
    """Weigh one failure, given what it would affect."""
    reached = result.reached
    explained = _affected(reached, list(evidence.symptoms))
    contradicted = _affected(reached, sorted(evidence.healthy))
    hit = reached.index[reached.state >= State.DEGRADED]
    silent = _count_among(evidence.silent_indices, hit)
    score = evidence.prior(failed) + evidence.counted(len(explained), silent)
    score += sum(_said(evidence.symptoms[index], state) for index, state in explained.items())
    score += sum(log(SEEN_HEALTHY[state]) for state in contradicted.values())
    return Explanation(
        failed=failed,
        score=score,
        explains=list(explained),
        misses=[index for index in evidence.symptoms if index not in explained],
        contradicts=list(contradicted),
        silent=silent,
        result=result,
    )


def _affected(reached: Reached, indices: list[int]) -> dict[int, State]:
    """The states of those of these CIs that are degraded or down."""
    rows = np.searchsorted(reached.index, indices).clip(max=len(reached.index) - 1)
    there = reached.index[rows] == indices
    states = np.where(there, reached.state[rows], State.OPERATIONAL).tolist()
    return {
        index: State(state)
        for index, state in zip(indices, states, strict=True)
        if state >= State.DEGRADED
    }


def _said(said: State | None, state: State) -> float:
    if said is None:
        return 0.0
    return log(SAME_STATE if said == state else 1 - SAME_STATE)


def _count_among(ascending: Indices, others: Indices) -> int:
    if not len(ascending):
        return 0
    at = np.searchsorted(ascending, others).clip(max=len(ascending) - 1)
    return int(np.count_nonzero(ascending[at] == others))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
