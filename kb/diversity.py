"""Different causes among the first suggestions, rather than one several times.

Maximal marginal relevance (Carbonell, Goldstein, SIGIR 1998), for causes that are nearly the same
alone: an article and its known error, or two faults of one system, are each worth a place.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

FIRST = 5
"""Places that are given out one by one."""
ALIKE = 0.5
"""Jaccard similarity of the words of two suggestions from which they tell of one cause. On the
judged questions no two of the first five are that alike; likeness of any degree, or that of an
article with its known error, cost up to .02 nDCG@10 and .11 recall@5 (docs/suggestions.md)."""
LAMBDA = 0.7
"""Weight of the score against likeness to what stands before."""

_LOOKED_AT = 20
"""Suggestions that may come to one of the first places."""
_BEGINNING = 1_500
"""Characters of a text that are compared."""
_WORD = re.compile(r"\w{3,}")

T = TypeVar("T")


def diverse(ranked: Sequence[T], score: Callable[[T], float], text: Callable[[T], str]) -> list[T]:
    """`ranked`, best first, with what repeats a better one set back behind others of like score."""
    left = list(ranked[:_LOOKED_AT])
    words = [_words(text(each)) for each in left]
    likeness = [0.0] * len(left)
    placed: list[int] = []
    while len(placed) < min(FIRST, len(left)):
        rest = [at for at in range(len(left)) if at not in placed]
        # The first of equals, which is the better.
        best = max(rest, key=lambda at: LAMBDA * score(left[at]) - (1 - LAMBDA) * likeness[at])
        placed.append(best)
        for at in rest:
            alike = _similarity(words[at], words[best])
            likeness[at] = max(likeness[at], alike if alike >= ALIKE else 0.0)
    others = [at for at in range(len(left)) if at not in placed]
    return [*(left[at] for at in (*placed, *others)), *ranked[_LOOKED_AT:]]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text[:_BEGINNING].casefold()))


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
