"""The metrics of the retrieval benchmarks, against values computed by hand."""

import math

import pytest

from bench.metrics import ndcg, recall, reciprocal_rank


def test_ndcg_of_one_relevant_document_is_the_discount_of_its_place() -> None:
    assert ndcg(["a", "b"], {"a": 1}) == 1.0
    assert ndcg(["b", "a"], {"a": 1}) == pytest.approx(1 / math.log2(3))
    assert ndcg(["b", "c", "a"], {"a": 1}) == pytest.approx(0.5)


def test_ndcg_of_graded_relevance_is_measured_against_the_ideal_order() -> None:
    # gains 1 and 3: (1/1 + 3/log2(3)) / (3/1 + 1/log2(3)) = 2.8928 / 3.6309
    assert ndcg(["one", "two"], {"one": 1, "two": 2}) == pytest.approx(0.79670, abs=1e-5)


def test_ndcg_looks_at_the_first_k_only() -> None:
    assert ndcg(["b", "a"], {"a": 1}, k=1) == 0.0


def test_recall_is_the_share_of_the_relevant_ones_that_was_found() -> None:
    relevance = {"a": 1, "b": 2, "c": 1, "d": 0}
    assert recall(["a", "d", "b"], relevance, 2) == pytest.approx(1 / 3)
    assert recall(["a", "d", "b"], relevance, 3) == pytest.approx(2 / 3)


def test_the_reciprocal_rank_is_that_of_the_first_relevant_document() -> None:
    assert reciprocal_rank(["x", "b", "a"], {"a": 1, "b": 1}) == 0.5
    assert reciprocal_rank(["x", "y"], {"a": 1}) == 0.0
    assert reciprocal_rank(["x", "a"], {"a": 1}, k=1) == 0.0


def test_nothing_relevant_scores_nothing() -> None:
    assert ndcg(["a"], {}) == recall(["a"], {}, 5) == reciprocal_rank(["a"], {}) == 0.0
