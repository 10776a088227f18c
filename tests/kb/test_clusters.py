"""Clusters by average linkage, held against the definition written down plainly."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.clusters import clusters, cohesion

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def _matrix(pairs: dict[tuple[int, int], float], count: int) -> Matrix:
    found = np.eye(count, dtype=np.float32)
    for (one, other), alike in pairs.items():
        found[one, other] = found[other, one] = alike
    return found


def _plain(likeness: Matrix, at_least: float) -> list[list[int]]:
    """Join the two clusters that are most alike on average, until none are alike enough."""
    found = [[row] for row in range(len(likeness))]
    while len(found) > 1:
        best = max(
            combinations(range(len(found)), 2),
            key=lambda pair: likeness[np.ix_(found[pair[0]], found[pair[1]])].mean(),
        )
        one, other = best
        if likeness[np.ix_(found[one], found[other])].mean() < at_least:
            break
        found[one] += found.pop(other)
    return sorted(sorted(each) for each in found)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.8]))
def test_they_are_those_of_the_definition(count: int, seed: int, at_least: float) -> None:
    dice = np.random.default_rng(seed)
    drawn = dice.random((count, count))
    alike = ((drawn + drawn.T) / 2).astype(np.float32)
    np.fill_diagonal(alike, 1.0)
    assert clusters(alike, at_least) == _plain(alike, at_least)


def test_no_chain_holds_two_together_that_are_nothing_alike() -> None:
    chain = {(0, 1): 0.8, (1, 2): 0.8, (2, 3): 0.8}
    assert clusters(_matrix(chain, 4), 0.5) == [[0, 1], [2, 3]]


def test_what_is_just_alike_enough_is_together() -> None:
    assert clusters(_matrix({(0, 1): 0.3}, 2), 0.3) == [[0, 1]]


def test_nothing_has_no_clusters() -> None:
    assert clusters(np.zeros((0, 0), dtype=np.float32), 0.5) == []


def test_cohesion_is_the_mean_likeness_of_two_members() -> None:
    alike = _matrix({(0, 1): 0.9, (0, 2): 0.6, (1, 2): 0.3}, 3)
    assert cohesion(alike, [0, 1, 2]) == pytest.approx(0.6)
    assert cohesion(alike, [1]) == 1.0
