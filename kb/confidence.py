"""How sure a suggestion is: a logistic function of a few signals that people can read.

Every constant that decides between `match`, `weak` and `no_match` is here and nowhere else;
`python -m bench.confidence` fits them on judged questions and prints them in this form.
"""

import math
from collections.abc import Collection, Mapping, Sequence
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
    found: float
    """Share of the question's words that its best record has, 0 to 1."""
    keys: float
    """Of the question's error codes and exceptions it has all (1) to none (-1); 0: there are none.
    Another code on the same system is another fault."""


NAMES = tuple(field.name for field in fields(Features))


@dataclass(frozen=True, slots=True)
class Platt:
    """`1 / (1 + exp(-(intercept + slope × log odds)))` of a probability that is too sure."""

    intercept: float
    slope: float

    def __call__(self, probability: float) -> float:
        bounded = min(max(probability, 1e-6), 1 - 1e-6)
        odds = math.log(bounded / (1.0 - bounded))
        return 1.0 / (1.0 + math.exp(-(self.intercept + self.slope * odds)))


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


# Fitted on the 278 judged questions of tests/judged; docs/suggestions.md has the error rates.
WITH_MODEL = Logistic(
    intercept=-4.45,
    weights={
        "semantic": 4.48,
        "coverage": 1.49,
        "words": 0.58,
        "margin": 4.55,
        "found": 1.87,
        "keys": 0.8,
    },
)
WORDS_ONLY = Logistic(
    intercept=-3.69,
    weights={"coverage": 1.77, "words": 1.08, "margin": 3.05, "found": 1.64, "keys": 0.48},
)
ANSWER_WITH_MODEL = Platt(-1.15, 1.76)
ANSWER_WORDS_ONLY = Platt(-0.98, 1.67)
MATCH_FROM = 0.68
"""Confidence of an answer from which it is a `match`."""
WEAK_FROM = 0.48
"""Confidence of an answer from which it is `weak`; below, nothing known fits."""
HOLD_BACK = 3
"""Words that a share counts as if they had been asked for and not found."""
LOOKED_AT = 3
"""First suggestions that the confidence of an answer is about."""


def keys_found(keys: Collection[str], found: Collection[str]) -> float:
    """-1 to 1: how many of the question's `keys` are among the words `found`; 0 without keys."""
    if not keys:
        return 0.0
    return 2 * sum(key in found for key in keys) / len(keys) - 1


def coverage(share: float, words: int) -> float:
    """`share` (0 to 1) held back where it is a share of few words: one of one proves nothing."""
    return share * words / (words + HOLD_BACK)


def confidence(features: Features, *, with_model: bool) -> float:
    """How likely a suggestion is to help, 0 to 1."""
    return (WITH_MODEL if with_model else WORDS_ONLY)(features)


def of_answer(confidences: Sequence[float], *, with_model: bool = True) -> float:
    """How likely one of the first three suggestions is to help, 0 to 1; never less than the best.

    First as if they were independent (noisy or; Pearl, Probabilistic Reasoning in Intelligent
    Systems, 1988): two fair candidates are more than one, and a question may have several right
    answers. They are not independent, so that is scaled on judged answers (Platt, 1999).
    """
    first = confidences[:LOOKED_AT]
    if not first:
        return 0.0
    return max(*first, (ANSWER_WITH_MODEL if with_model else ANSWER_WORDS_ONLY)(any_of(first)))


def any_of(confidences: Sequence[float]) -> float:
    """How likely one of them is to help if they were independent."""
    return 1.0 - math.prod(1.0 - each for each in confidences)


def verdict(answer: float) -> Verdict:
    """What the confidence of an answer says."""
    if answer < WEAK_FROM:
        return Verdict.NO_MATCH
    return Verdict.MATCH if answer >= MATCH_FROM else Verdict.WEAK
