"""Confidences beside an order: they never contradict it, and stay as near as they can."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.monotone import falling


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ([], []),
        ([0.5], [0.5]),
        ([0.9, 0.5, 0.5, 0.1], [0.9, 0.5, 0.5, 0.1]),
        ([0.38, 0.48], [0.43, 0.43]),
        ([0.2, 0.4, 0.9], [0.5, 0.5, 0.5]),
        ([0.9, 0.2, 0.4, 0.1], [0.9, 0.3, 0.3, 0.1]),
    ],
)
def test_runs_that_rise_become_their_mean(given_: list[float], told: list[float]) -> None:
    assert falling(given_) == pytest.approx(told)


_CONFIDENCES = st.lists(st.floats(0, 1), max_size=20)


@given(_CONFIDENCES)
def test_they_never_rise_and_keep_their_sum(confidences: list[float]) -> None:
    told = falling(confidences)
    assert all(one >= other for one, other in pairwise(told))
    assert sum(told) == pytest.approx(sum(confidences))
    assert falling(told) == pytest.approx(told)


@given(_CONFIDENCES, st.lists(st.floats(0, 1), min_size=20, max_size=20))
def test_no_other_sequence_that_never_rises_is_nearer(
    confidences: list[float], other: list[float]
) -> None:
    rival = sorted(other[: len(confidences)], reverse=True)

    def off(told: list[float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(told, confidences, strict=True))

    assert off(falling(confidences)) <= off(rival) + 1e-9
