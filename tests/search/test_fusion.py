"""Fusion: scores to one order, whatever is missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.fusion import WEIGHTS, Scores, Signal, fuse, reciprocal_ranks, scale

NAN = float("nan")


def signals(**named: list[float]) -> dict[Signal, Scores]:
    size = len(next(iter(named.values())))
    return {
        name: np.array(named.get(name.value, [NAN] * size), dtype=np.float64) for name in Signal
    }


def test_what_every_signal_puts_first_is_first_with_score_one() -> None:
    fused = fuse(signals(lexical=[9.0, 3.0, 0.0], semantic=[0.8, 0.4, 0.1]))
    assert fused.tolist() == pytest.approx([1.0, fused[1], 0.0])


def test_without_a_model_the_order_is_the_lexical_one() -> None:
    fused = fuse(signals(lexical=[1.0, 5.0, 3.0]))
    assert np.argsort(-fused).tolist() == [1, 2, 0]
    assert fused.max() == pytest.approx(1.0)


def test_a_document_without_vectors_yet_still_ranks_by_its_words() -> None:
    fused = fuse(signals(lexical=[9.0, 1.0, 0.0], semantic=[NAN, 0.3, 0.2]))
    assert fused[0] > fused[2]


def test_a_single_candidate_is_the_best_there_is() -> None:
    assert fuse(signals(lexical=[2.0], semantic=[0.4])).tolist() == [1.0]


def test_no_candidates_give_no_scores() -> None:
    assert fuse(signals(lexical=[])).tolist() == []


def test_every_signal_has_a_weight() -> None:
    assert set(WEIGHTS) == set(Signal)


scores = st.lists(st.floats(-1, 50) | st.just(NAN), min_size=4, max_size=4)


@given(scores, scores)
def test_fused_scores_are_between_zero_and_one(lexical: list[float], semantic: list[float]) -> None:
    fused = fuse(signals(lexical=lexical, semantic=semantic))
    assert ((fused >= 0) & (fused <= 1 + 1e-9)).all()


@given(st.lists(st.floats(0, 50), min_size=2, max_size=6), st.integers(0, 5))
def test_more_of_a_signal_never_ranks_a_document_lower(given_scores: list[float], at: int) -> None:
    at %= len(given_scores)
    other = [float(i) for i in range(len(given_scores))]
    before = fuse(signals(lexical=given_scores, semantic=other))
    raised = [*given_scores]
    raised[at] = max(given_scores) + 1
    after = fuse(signals(lexical=raised, semantic=other))
    assert (after > after[at]).sum() <= (before > before[at]).sum()


@given(st.lists(st.floats(-5, 50), min_size=2, max_size=6))
def test_scaling_keeps_the_order(given_scores: list[float]) -> None:
    scaled = scale(np.array(given_scores))
    order = np.argsort(given_scores, kind="stable")
    assert (np.diff(scaled[order]) >= 0).all()


def test_reciprocal_ranks_by_hand() -> None:
    fused = reciprocal_ranks([1, 2], [2, 3])
    assert list(fused) == [2, 1, 3]
    assert fused[2] == pytest.approx(1 / 62 + 1 / 61)
