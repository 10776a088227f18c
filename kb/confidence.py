"""How sure a suggestion is: a logistic function of a few signals that people can read.

Every constant that decides between `match`, `weak` and `no_match` is here and nowhere else;
`python -m bench.confidence` fits them on judged questions and prints them in this form.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

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
    met: float | None = None
    """How far its best record's nearest passage meets even the worst third of the question's words,
    -1 to 1 (`late_interaction.Closeness`); None where nothing is known of the passage's words."""
    share_met: float | None = None
    """Share of the question's words that this passage meets, 0 to 1; likewise."""
    title_met: float | None = None
    """Share of the words of that record's title that the question meets, 0 to 1; likewise."""


NAMES = tuple(field.name for field in fields(Features))


class Basis(IntEnum):
    """What a confidence is founded on, the least first; each has coefficients of its own."""

    WORDS_ONLY = 0
    WITH_MODEL = 1
    WITH_LATE = 2
    """With the model and late interaction."""


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
            weight * (getattr(features, name) or 0.0) for name, weight in self.weights.items()
        )
        return 1.0 / (1.0 + math.exp(-total))


# Fitted on the 278 judged questions of tests/judged; docs/suggestions.md has the error rates.
SUGGESTION: Mapping[Basis, Logistic] = {
    Basis.WITH_LATE: Logistic(
        intercept=-7.64,
        weights={
            "semantic": 3.07,
            "coverage": 0.9,
            "words": 0.53,
            "margin": 4.16,
            "found": 1.22,
            "keys": 0.83,
            "met": 2.61,
            "share_met": 2.18,
            "title_met": 2.16,
        },
    ),
    Basis.WITH_MODEL: Logistic(
        intercept=-4.64,
        weights={
            "semantic": 4.56,
            "coverage": 1.31,
            "words": 0.66,
            "margin": 4.45,
            "found": 1.99,
            "keys": 0.84,
        },
    ),
    Basis.WORDS_ONLY: Logistic(
        intercept=-3.7,
        weights={"coverage": 1.75, "words": 1.04, "margin": 3.13, "found": 1.9, "keys": 0.45},
    ),
}
ANSWER: Mapping[Basis, Platt] = {
    Basis.WITH_LATE: Platt(-1.12, 1.8),
    Basis.WITH_MODEL: Platt(-1.15, 1.8),
    Basis.WORDS_ONLY: Platt(-1.03, 1.67),
}
MATCH_FROM = 0.74
"""Confidence of an answer from which it is a `match`."""
WEAK_FROM = 0.57
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


def basis(features: Features, *, by_meaning: bool) -> Basis:
    """What is known of a suggestion; `by_meaning` says whether its vectors were compared."""
    if not by_meaning:
        return Basis.WORDS_ONLY
    late = (features.met, features.share_met, features.title_met)
    return Basis.WITH_MODEL if None in late else Basis.WITH_LATE


def confidence(features: Features, founded_on: Basis) -> float:
    """How likely a suggestion is to help, 0 to 1."""
    return SUGGESTION[founded_on](features)


def of_answer(confidences: Sequence[float], founded_on: Basis = Basis.WITH_LATE) -> float:
    """How likely one of the first three suggestions is to help, 0 to 1; never less than the best.

    First as if they were independent (noisy or; Pearl, Probabilistic Reasoning in Intelligent
    Systems, 1988): two fair candidates are more than one, and a question may have several right
    answers. They are not independent, so that is scaled on judged answers (Platt, 1999).
    """
    first = confidences[:LOOKED_AT]
    if not first:
        return 0.0
    return max(*first, ANSWER[founded_on](any_of(first)))


def any_of(confidences: Sequence[float]) -> float:
    """How likely one of them is to help if they were independent."""
    return 1.0 - math.prod(1.0 - each for each in confidences)


def verdict(answer: float) -> Verdict:
    """What the confidence of an answer says."""
    if answer < WEAK_FROM:
        return Verdict.NO_MATCH
    return Verdict.MATCH if answer >= MATCH_FROM else Verdict.WEAK
