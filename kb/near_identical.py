"""Whether two incidents report the same thing but for the host, the time and the numbers in it."""

import re
from dataclasses import dataclass
from functools import lru_cache

from search.query import understand
from search.terms import analyse

ALIKE = 0.8
"""Jaccard similarity of the words of two reports, titles and symptoms, from which they are one."""
NOT_OPPOSED = 0.5
"""Jaccard similarity of the words of two remedies from which they may be one said twice. Below,
the same symptoms had two causes, and both are worth showing."""

_FEW_WORDS = 4
"""Words below which a title, or a remedy, says too little to be compared."""

# Words without digits: "web-03" and "web-11" are one service, "db-orders" and "db-shop" are two.
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Report:
    """An incident as far as it says whether another is the same."""

    title: str
    symptoms: str
    """Of its description the beginning, where it names none."""
    remedy: str
    known_error: str | None = None


def near_identical(one: Report, other: Report) -> bool:
    """Whether these are one trouble twice: the same words, error codes and known error, and
    remedies that do not contradict each other."""
    if one.known_error != other.known_error:
        return False
    titles = _words(one.title), _words(other.title)
    if _alike(*titles) < ALIKE:  # cheap, and mostly so
        return False
    mine, theirs = _read(one.title, one.symptoms), _read(other.title, other.symptoms)
    if mine.keys != theirs.keys or min(len(mine.words), len(theirs.words)) < _FEW_WORDS:
        return False
    return _alike(mine.words, theirs.words) >= ALIKE and _not_opposed(one.remedy, other.remedy)


@dataclass(frozen=True, slots=True)
class _Read:
    words: frozenset[str]
    keys: frozenset[str]


@lru_cache(maxsize=2_000)
def _read(title: str, symptoms: str) -> _Read:
    """The words and the error codes of a report, without times, addresses and hashes."""
    understood = understand(f"{title}\n{symptoms}")
    return _Read(
        _words(" ".join(line for _, line in understood.lines)),
        frozenset(key.casefold() for key in understood.keys),
    )


@lru_cache(maxsize=4_000)
def _words(text: str) -> frozenset[str]:
    split = " ".join(_WORD.findall(text))
    return frozenset(term for term, _ in analyse(split))


def _not_opposed(one: str, other: str) -> bool:
    mine, theirs = _words(one), _words(other)
    if min(len(mine), len(theirs)) < _FEW_WORDS:
        return True
    return _alike(mine, theirs) >= NOT_OPPOSED


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
