"""How alike documents are to each other, by words and by meaning: for groups, not for questions.

Pure: texts, vectors and how rare terms are go in, a matrix comes out. What is different each time
(times, addresses, ids, hashes) and the numbers of machines are left out: five hundred alerts of one
rule differ by nothing else. Which machine something is about is better known from the CIs.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search.embedder import Vectors
from search.query import without_noise
from search.terms import analyse

Matrix = NDArray[np.float32]

WORDS, MEANING = 2 / 3, 1 / 3
"""What the cosine of the words and that of the meaning count. By `python -m bench.problems`: a
plateau from three fifths to four fifths for the words."""

MEANING_BY_WORDS = (0.45, 0.55)
"""What is taken for the cosine of the meaning where one of two texts has no vector: a + b × that of
the words. So chosen that one threshold serves both: by words alone clusters are best from .17 on,
with the meaning from .30 on (`python -m bench.problems`), and .17 becomes .30 here."""

LEAST_IDF = 1.0
"""A term never counts less than this: in a storm the words of the alert are in half of all
documents, and what is rare in it are the names of the machines."""

MAX_CHARACTERS = 6_000
"""What is read of a text: about 900 words."""
MAX_PASSAGES = 12
"""Passages of one document that are compared, the first."""

_DOCUMENTS_AT_A_TIME = 64

# "web-17", "hv-ham1-03", "orders_api_2": a name whose parts with a digit tell machines apart.
_MACHINE = re.compile(r"\b[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)+\b")
_SEPARATOR = re.compile("[-_.]")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Told:
    """What a text tells: how often it has each term, and the word behind each."""

    counts: Mapping[str, int]
    words: Mapping[str, str]


def told(text: str) -> Told:
    """The terms of a text without what is different each time: "db-orders-01" is db, orders."""
    return _told(text[:MAX_CHARACTERS])


# As many as are compared at once unless a setting says more: some 20 KB each.
@lru_cache(maxsize=2_048)
def _told(text: str) -> Told:
    counts: Counter[str] = Counter()
    words: dict[str, str] = {}
    for term, word in analyse(_without_numbers(without_noise(text))):
        counts[term] += 1
        words.setdefault(term, word)
    return Told(counts, words)


def likeness(
    texts: Sequence[Told], vectors: Sequence[Vectors | None], idf: Mapping[str, float]
) -> Matrix:
    """(n, n), 0 to 1: how alike each two documents are; 1 on the diagonal.

    `vectors` has for each document the vectors (k, d) of its passages, of unit length, None where
    it has none yet; `idf` says how rare each term is.
    """
    words = likeness_of_words(texts, idf)
    meaning = MEANING_BY_WORDS[0] + MEANING_BY_WORDS[1] * words
    known = [row for row, each in enumerate(vectors) if each is not None and len(each)]
    if known:
        of_known = [each[:MAX_PASSAGES] for each in vectors if each is not None and len(each)]
        meaning[np.ix_(known, known)] = likeness_of_meaning(of_known)
    alike: Matrix = WORDS * words + MEANING * meaning
    np.fill_diagonal(alike, 1.0)
    return alike


def likeness_of_words(texts: Sequence[Told], idf: Mapping[str, float]) -> Matrix:
    """(n, n): cosines of the terms, weighed by (1 + ln count) × idf (Salton, Buckley, 1988)."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - a third of a second

    columns: dict[str, int] = {}
    rows: list[int] = []
    at: list[int] = []
    weights: list[float] = []
    for row, text in enumerate(texts):
        for term, count in text.counts.items():
            rows.append(row)
            at.append(columns.setdefault(term, len(columns)))
            weights.append((1 + math.log(count)) * _weight(term, idf))
    shape = (len(texts), max(len(columns), 1))
    terms = csr_matrix((np.array(weights, dtype=np.float32), (rows, at)), shape=shape)
    lengths = np.sqrt(np.asarray(terms.multiply(terms).sum(axis=1), dtype=np.float32)).ravel()
    products: Matrix = (terms @ terms.T).toarray()
    scale = np.where(lengths > 0, lengths, 1.0)
    products /= scale[:, None]
    products /= scale[None, :]
    return np.clip(products, 0.0, 1.0, out=products)


def _weight(term: str, idf: Mapping[str, float]) -> float:
    """How much a term counts: a number the least, for measured values are always rare."""
    return LEAST_IDF if term.isdigit() else max(idf[term], LEAST_IDF)


def likeness_of_meaning(vectors: Sequence[Vectors]) -> Matrix:
    """(n, n): the cosine of the two passages of each pair that are nearest to each other, at least
    0; every document has a passage."""
    ends = np.cumsum([len(each) for each in vectors])
    starts = np.concatenate([[0], ends[:-1]])
    passages = np.concatenate(list(vectors)).astype(np.float32, copy=False)
    nearest = np.empty((len(vectors), len(vectors)), dtype=np.float32)
    for first in range(0, len(vectors), _DOCUMENTS_AT_A_TIME):
        last = min(first + _DOCUMENTS_AT_A_TIME, len(vectors))
        of_these = passages[starts[first] : ends[last - 1]] @ passages.T
        by_document = np.maximum.reduceat(of_these, starts, axis=1)
        nearest[first:last] = np.maximum.reduceat(
            by_document, starts[first:last] - starts[first], axis=0
        )
    return np.clip(nearest, 0.0, 1.0, out=nearest)


def _without_numbers(text: str) -> str:
    return _MACHINE.sub(lambda name: _without_number(name[0]), text)


def _without_number(name: str) -> str:
    if not _DIGIT.search(name):
        return name
    return " ".join(part for part in _SEPARATOR.split(name) if not _DIGIT.search(part))
