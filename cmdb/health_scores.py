"""Scores from findings: how much of an inventory is without fault, and of each part of it. Pure.

    score = 100 x (1 - (errors + 0.5 x warnings + 0.1 x infos) / CIs)

A CI counts once, by its worst finding: as an error, a warning, an info, or as healthy.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmdb.health_checks import WEIGHTS, Category, Finding, HealthSeverity, Mask

_LEVELS = (None, HealthSeverity.INFO, HealthSeverity.WARNING, HealthSeverity.ERROR)
_LEVEL = {severity: level for level, severity in enumerate(_LEVELS)}

Worst = NDArray[np.int8]
"""(categories, n) of each CI the level of its worst finding in each category, 0 for none."""


class Numbers(NamedTuple):
    """Of some CIs: how many have which worst finding, and the scores."""

    configuration_items: int
    errors: int
    warnings: int
    infos: int
    score: float | None
    """0 to 100; None where there are no CIs."""
    by_category: dict[Category, float | None]


def worst_of(findings: Iterable[Finding], category_of: dict[str, Category], count: int) -> Worst:
    """The worst finding of each of `count` CIs, by category."""
    places = {category: place for place, category in enumerate(Category)}
    worst = np.zeros((len(places), count), np.int8)
    for finding in findings:
        place, level = places[category_of[finding.check]], _LEVEL[finding.severity]
        worst[place, finding.row] = max(worst[place, finding.row], level)
    return worst


def numbers(worst: Worst, cis: Mask | NDArray[np.int32], looked: frozenset[Category]) -> Numbers:
    """The numbers of the CIs that `cis` picks; categories that are not looked at have no score."""
    some = worst[:, cis]
    counts = _counts(some.max(axis=0, initial=0))
    by_category = {
        category: _score(_counts(some[place])) if category in looked else None
        for place, category in enumerate(Category)
    }
    _healthy, infos, warnings, errors = counts
    return Numbers(sum(counts), errors, warnings, infos, _score(counts), by_category)


def _counts(levels: NDArray[np.int8]) -> list[int]:
    found: list[int] = np.bincount(levels, minlength=len(_LEVELS)).tolist()
    return found


def _score(counts: list[int]) -> float | None:
    """`counts` are CIs by level, the healthy ones first."""
    total = sum(counts)
    if not total:
        return None
    lost = sum(
        count * WEIGHTS[severity]
        for count, severity in zip(counts, _LEVELS, strict=True)
        if severity is not None
    )
    return round(100 * (1 - lost / total), 1)
