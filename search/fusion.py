"""Fusing the rankers' scores into one order.

Scores carry more than ranks, so each signal is scaled to 0..1 within the query's candidates and
the scaled signals are added with weights. Every weight is here and nowhere else.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""(n,): one score a candidate; NaN where the signal knows nothing of it."""

# k of reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009.
RRF_K = 60


class Signal(StrEnum):
    """What is known of a candidate; `line` is the query's first line, its title as it were."""

    LEXICAL = "lexical"
    LEXICAL_LINE = "lexical_line"
    LEXICAL_TITLE = "lexical_title"
    SEMANTIC = "semantic"
    SEMANTIC_LINE = "semantic_line"
    TITLE_LINE = "title_line"


# Chosen over nine judged sets of different kinds (bench/fusion.py): the best of the weightings
# around the middle of the plateau (docs/decisions/0005-fusion.md).
WEIGHTS: Mapping[Signal, float] = {
    Signal.LEXICAL: 1.0,  # BM25 of the query with title and text
    Signal.LEXICAL_LINE: 0.4,  # BM25 of the first line with title and text
    Signal.LEXICAL_TITLE: 0.2,  # BM25 of the query with the title
    Signal.SEMANTIC: 1.0,  # cosine of the query with the best passage
    Signal.SEMANTIC_LINE: 1.0,  # cosine of the first line with the best passage
    Signal.TITLE_LINE: 0.2,  # cosine of the first line with the title
}


# Late interaction, in the same currency and chosen with the others, and of how many of the first:
# beyond them it finds nothing that would come up (docs/decisions/0017-late-interaction.md).
LATE_WEIGHT = 0.4
LATE_DEPTH = 20
# Of how many of the first the words are compared at all. Some suggestions come up from behind by
# graph and links; how sure they are depends on their words (of 20 .823 of the uncovered questions
# are recognised, of 30 .836, of 40 .837).
LOOKED_AT = 30


def fuse(signals: Mapping[Signal, Scores], weights: Mapping[Signal, float] = WEIGHTS) -> Scores:
    """(n,) fused scores, 0 to 1, comparable within one query only.

    Each candidate is judged by what is known of it: a signal that does not know it (no model, or
    no vector yet) has no weight in its score. A record is thus on its place from its commit on, by
    its words, and not at the end until it is encoded.
    """
    if not signals:
        return np.zeros(0)
    names = list(signals)
    scaled = np.stack([scale(signals[name]) for name in names])
    weight = np.array([weights[name] for name in names])[:, None] * ~np.isnan(scaled)
    total = weight.sum(axis=0)
    fused: Scores = (weight * np.nan_to_num(scaled)).sum(axis=0) / np.where(total, total, 1.0)
    return fused


def reranked(fused: Scores, late: Scores) -> Scores:
    """(n,) fused scores, best first, with the late interaction (m,) of the first m of them; NaN
    where nothing is known of one, whose score then stays what the others say. The rest keep their
    order behind."""
    total = sum(WEIGHTS.values())
    scaled = scale(late)
    if np.isnan(scaled).all():
        return fused
    first, rest = fused[: len(late)], fused[len(late) :]
    closer = (total * first + LATE_WEIGHT * scaled) / (total + LATE_WEIGHT)
    return np.concatenate(
        [np.where(np.isnan(scaled), first, closer), rest * total / (total + LATE_WEIGHT)]
    )


def scale(scores: Scores) -> Scores:
    """Min-max: the least becomes 0, the greatest 1, what is not known stays so. Equal scores say
    nothing: all become 0, but for a single candidate, which is the best there is."""
    known = ~np.isnan(scores)
    if not known.any():
        return scores
    least, greatest = np.nanmin(scores), np.nanmax(scores)
    if greatest > least:
        scaled: Scores = (scores - least) / (greatest - least)
        return scaled
    return np.where(known, 1.0 if len(scores) == 1 else 0.0, np.nan)


def reciprocal_ranks(*rankings: list[int], k: int = RRF_K) -> dict[int, float]:
    """Reciprocal rank fusion of id lists, best first: the rival that benchmarks print."""
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            fused[id_] = fused.get(id_, 0.0) + 1 / (k + rank)
    return dict(sorted(fused.items(), key=lambda item: -item[1]))
