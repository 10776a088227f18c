"""How sure a suggestion is: a logistic function of a few signals that people can read.

Every constant that decides between `match`, `weak` and `no_match` is here and nowhere else;
`python -m bench.confidence` fits them on judged questions and prints them in this form.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from kb.suggest_schemas import Verdict


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a suggestion against the others of its answer."""

    semantic: float
    """Cosine of the question with its nearest passage, 0 to 1; 0 where there is no model."""
    coverage: float
    """Share of the question's rare words that were found, less where they are few, 0 to 1."""
    words: float
    """ln(1 + words of the question that its best record has): two rare words prove little."""
    margin: float
    """Its text score less the best of the others', -1 to 1."""


NAMES = tuple(field.name for field in fields(Features))


@dataclass(frozen=True, slots=True)
class Logistic:
    """`1 / (1 + exp(-(intercept + sum of weight × feature)))`."""

    intercept: float
    weights: Mapping[str, float]

    def __call__(self, features: Features) -> float:
        total = self.intercept + sum(
            weight * getattr(features, name) for name, weight in self.weights.items()
        )
        return 1.0 / (1.0 + math.exp(-total))


# Fitted on the 198 judged questions of tests/judged; docs/suggestions.md has the error rates.
WITH_MODEL = Logistic(
    intercept=-4.5,
    weights={"semantic": 4.15, "coverage": 3.0, "words": 0.67, "margin": 4.19},
)
WORDS_ONLY = Logistic(
    intercept=-3.48,
    weights={"coverage": 3.48, "words": 0.87, "margin": 2.86},
)
MATCH_FROM = 0.6
"""Confidence of an answer from which it is a `match`."""
WEAK_FROM = 0.45
"""Confidence of an answer from which it is `weak`; below, nothing known fits."""
HOLD_BACK = 3
"""Words that a share counts as if they had been asked for and not found."""
LOOKED_AT = 3
"""First suggestions that the confidence of an answer is about."""


def coverage(share: float, words: int) -> float:
    """`share` (0 to 1) held back where it is a share of few words: one of one proves nothing."""
    return share * words / (words + HOLD_BACK)


def confidence(features: Features, *, with_model: bool) -> float:
    """How likely a suggestion is to help, 0 to 1."""
    return (WITH_MODEL if with_model else WORDS_ONLY)(features)


def of_answer(confidences: Sequence[float]) -> float:
    """How likely one of the first three suggestions is to help, 0 to 1.

    Taken as independent (noisy or; Pearl, Probabilistic Reasoning in Intelligent Systems, 1988):
    two fair candidates are more than one, and a question may have several right answers.
    """
    return 1.0 - math.prod(1.0 - each for each in confidences[:LOOKED_AT])


def verdict(answer: float) -> Verdict:
    """What the confidence of an answer says."""
    if answer < WEAK_FROM:
        return Verdict.NO_MATCH
    return Verdict.MATCH if answer >= MATCH_FROM else Verdict.WEAK
