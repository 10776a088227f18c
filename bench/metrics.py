"""Retrieval metrics over judged queries, for one ranking at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

Relevance = Mapping[str, int]
"""Relevance by document id; ids that are not there, and 0, are not relevant."""


def ndcg(ranking: Sequence[str], relevance: Relevance, k: int = 10) -> float:
    """Normalised discounted cumulative gain, gain 2^relevance - 1 (Burges et al., ICML 2005)."""
    ideal = _dcg(sorted(relevance.values(), reverse=True)[:k])
    return _dcg([relevance.get(id_, 0) for id_ in ranking[:k]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], relevance: Relevance, k: int) -> float:
    """The share of the relevant documents that is among the first `k`."""
    relevant = {id_ for id_, grade in relevance.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], relevance: Relevance, k: int = 10) -> float:
    """1 / the place of the first relevant document; 0 where none is among the first `k`."""
    places = (i for i, id_ in enumerate(ranking[:k], start=1) if relevance.get(id_, 0) > 0)
    return 1 / next(places, math.inf)


def _dcg(grades: Sequence[int]) -> float:
    return sum(float(2**grade - 1) / math.log2(i + 2) for i, grade in enumerate(grades))


METRICS: Mapping[str, Callable[[Sequence[str], Relevance], float]] = {
    "ndcg@10": partial(ndcg, k=10),
    "recall@5": partial(recall, k=5),
    "recall@10": partial(recall, k=10),
    "mrr@10": partial(reciprocal_rank, k=10),
}
"""The metrics that benchmarks print, by name."""
