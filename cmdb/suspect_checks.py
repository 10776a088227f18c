"""What to look at next: the CI whose state would separate the remaining suspects best."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import Indices
from cmdb.impact import State
from cmdb.suspect_evidence import Explanation

MISREAD = 0.05
"""How often a look at a CI says the opposite of how it is."""
_LEAST_GAIN = 0.01
"""Bits; what tells less is not worth a look."""


@dataclass(frozen=True, slots=True)
class Check:
    """One CI, by index, and what each answer would leave."""

    index: int
    gain: float
    """Bits that the answer is expected to take from the uncertainty; 0 to 1."""
    if_affected: list[Explanation]
    """Explanations that remain likely where it is degraded or down, the likeliest first."""
    if_fine: list[Explanation]


def next_checks(
    explanations: Sequence[tuple[Explanation, float]],
    known: Collection[int],
    services: Indices,
    most: int = 3,
) -> list[Check]:
    """The best looks, none of which tells the same as another; empty where none would help.

    `explanations` come with their probabilities, `known` are the CIs (indices) whose state was
    given, `services` the indices of services: of looks that tell the same, one at a service wins,
    since it is seen from outside.
    """
    if not explanations:
        return []
    affected = [_affected(explanation) for explanation, _ in explanations]
    index, place = np.unique(np.concatenate(affected), return_inverse=True)
    shares = np.repeat([share for _, share in explanations], [len(each) for each in affected])
    gain = _gains(np.bincount(place, weights=shares))
    gain[np.isin(index, list(known))] = 0
    is_service = np.isin(index, services)
    order = np.lexsort((index, ~is_service, -gain.round(6)))
    checks: list[Check] = []
    told: set[tuple[bool, ...]] = set()
    for row in order[gain[order] > _LEAST_GAIN]:
        hit = tuple(bool(np.isin(index[row], each)) for each in affected)
        if hit not in told:
            told.add(hit)
            checks.append(_check(int(index[row]), float(gain[row]), hit, explanations))
        if len(checks) == most:
            break
    return checks


def _affected(explanation: Explanation) -> Indices:
    reached = explanation.result.reached
    return reached.index[reached.state >= State.DEGRADED]


def _gains(probability: NDArray[Any]) -> NDArray[np.float64]:
    seen = probability * (1 - MISREAD) + (1 - probability) * MISREAD
    seen = seen.clip(1e-12, 1 - 1e-12)
    uncertain: NDArray[np.float64] = -seen * np.log2(seen) - (1 - seen) * np.log2(1 - seen)
    noise = -MISREAD * log2(MISREAD) - (1 - MISREAD) * log2(1 - MISREAD)
    return uncertain - noise


def _check(
    index: int,
    gain: float,
    hit: tuple[bool, ...],
    explanations: Sequence[tuple[Explanation, float]],
) -> Check:
    of = {answer: [e for (e, _), is_hit in zip(explanations, hit, strict=True) if is_hit is answer]
          for answer in (True, False)}  # fmt: skip
    return Check(index, gain, of[True], of[False])
