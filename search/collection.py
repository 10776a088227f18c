"""A collection of documents: lexical index and vectors, and what they say of a query.

Knows no database: `retriever.py` keeps one in step with SQL.
"""

from collections.abc import Collection as AbstractCollection
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from opsatlas.groups import UNGROUPED
from search.embedder import Vectors
from search.fusion import Scores, Signal
from search.in_memory import VectorsInMemory
from search.lexical import LexicalIndex, LexicalMatch
from search.lexical_fields import LexicalEntry
from search.lexical_query import LexicalQuery
from search.meaning import DocumentVectors, Meaning, Nearness
from search.saved_files import SavedParts
from search.sharing import SharedLock


@dataclass(frozen=True, slots=True)
class Question:
    """A query, analysed and encoded. Vectors are None while there is no model."""

    whole: LexicalQuery
    line: LexicalQuery
    whole_vector: Vectors | None = None
    line_vector: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents worth a closer look, with every signal of every one; rows follow `ids`."""

    ids: list[int]
    signals: dict[Signal, Scores]
    passages: list[int | None]
    """The passage of each that is nearest to the query, where it has vectors."""


class Collection:
    """Any number of threads may read while one writes; a write is seen whole or not at all.

    Whoever asks says in which `groups` the caller is (None: one who reads all). Only the shelves
    that such a caller may read are searched; the default is a caller in no group.
    """

    def __init__(self, meaning: Meaning, lexical: LexicalIndex | None = None) -> None:
        self._lexical = LexicalIndex() if lexical is None else lexical
        self._meaning = meaning
        self._lock = SharedLock()

    def __len__(self) -> int:
        return len(self._lexical)

    @property
    def worn(self) -> bool:
        """Whether so much was replaced that a rebuild would sharpen the lexical statistics."""
        return self._lexical.replaced > max(100, len(self) // 2)

    def catch_up(self, ids: AbstractCollection[int] | None = None) -> bool:
        """Whether the vectors of the documents `ids` (None: of all) need not be given to `apply`,
        since they are compared where they are stored."""
        return self._meaning.catch_up(ids)

    def apply(
        self,
        entries: Sequence[LexicalEntry] = (),
        vectors: Iterable[DocumentVectors] = (),
        remove: AbstractCollection[int] = (),
    ) -> None:
        """Take out `remove`, add or replace `entries`, and hold just `vectors` of their documents.

        An entry that is replaced loses its vectors unless they are given again.
        """
        with self._lock.writing():
            gone = {*remove, *(entry.id for entry in entries)}
            if gone:
                self._lexical.apply(entries, remove)
            self._meaning.apply(gone, vectors)

    def parts(self, folder: Path) -> SavedParts | None:
        """All of it for a file, the lexical index's own in `folder` already; None where it cannot
        be kept. Nobody may write meanwhile. Raises OSError."""
        if not isinstance(self._meaning, VectorsInMemory):
            return None
        with self._lock.reading():
            meaning = self._meaning.parts()
            lexical = self._lexical.copy_to(folder)
        if meaning is None or lexical is None:
            return None
        return SavedParts(lexical, meaning, {})

    @property
    def on_disk(self) -> bool:
        """Whether the lexical index lies in files, as one must that is saved."""
        return self._lexical.on_disk

    def settle(self) -> None:
        """Wait for what is being built in the background."""
        self._meaning.settle()

    def stop(self) -> None:
        """Give up what is being built in the background; the collection goes on answering."""
        self._meaning.stop()

    def query(
        self, text: str, keys: Iterable[str] = (), groups: frozenset[str] | None = UNGROUPED
    ) -> LexicalQuery:
        """The lexical half of a question; `keys` are the words of it that name a fault."""
        return self._lexical.query(text, keys, groups)

    def lexical_ranking(
        self,
        query: LexicalQuery,
        limit: int,
        kinds: AbstractCollection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
        but: AbstractCollection[int] = (),
    ) -> dict[int, float]:
        """BM25 by document id, best first, never of those in `but`."""
        return self._lexical.search(query, limit, kinds=kinds, groups=groups, but=but)

    def semantic_ranking(
        self,
        vector: Vectors,
        limit: int,
        kinds: AbstractCollection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
    ) -> dict[int, float]:
        """Cosine of the best passage by document id, best first."""
        with self._lock.reading():
            return self._meaning.nearest(vector, limit, self._lexical.shelves(groups, kinds))

    def idf(
        self, terms: Iterable[str], groups: frozenset[str] | None = UNGROUPED
    ) -> dict[str, float]:
        """How rare each of these terms is among what a caller in `groups` may read."""
        return self._lexical.idf(terms, groups)

    def vectors_of(self, ids: Sequence[int]) -> list[Vectors | None]:
        """(k, d) for each document: the vectors of its passages; None while it has none."""
        with self._lock.reading():
            return self._meaning.vectors_of(ids)

    def matches(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """What each document of `ids` has of the query's words."""
        with self._lock.reading():
            return self._lexical.matches(query, ids)

    def lexical_scores(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, float]:
        """BM25 of those of the documents `ids` that have any of the words, best first."""
        with self._lock.reading():
            scores = self._lexical.held(ids, query).bm25(query.weights)
        order = np.argsort(-scores, kind="stable").tolist()
        return {ids[row]: float(scores[row]) for row in order if scores[row]}

    def nearness(self, question: Question, ids: Sequence[int]) -> Nearness:
        """How near the documents `ids` are to the question; unknown where there is no model."""
        with self._lock.reading():
            return self._nearness(question, list(ids))

    def candidates(
        self,
        question: Question,
        limit: int,
        kinds: AbstractCollection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
        but: AbstractCollection[int] = (),
        by_words: Iterable[int] | None = None,
    ) -> Candidates:
        """The best `limit` of each ranker together, each with all signals; never those in `but`.
        `by_words` is what `lexical_ranking` said, where it was asked already."""
        if by_words is None:
            by_words = self.lexical_ranking(question.whole, limit, kinds, groups, but)
        with self._lock.reading():
            found = dict.fromkeys(by_words)
            if question.whole_vector is not None:
                shelves = self._lexical.shelves(groups, kinds)
                near_ones = self._meaning.nearest(question.whole_vector, limit + len(but), shelves)
                found |= dict.fromkeys(islice((id_ for id_ in near_ones if id_ not in but), limit))
            ids = list(found)
            signals = self._lexical_signals(question, ids)
            near = self._nearness(question, ids)
        signals[Signal.SEMANTIC] = near.whole
        signals[Signal.SEMANTIC_LINE] = near.line
        signals[Signal.TITLE_LINE] = near.title
        return Candidates(ids, signals, near.passages)

    def _lexical_signals(self, question: Question, ids: list[int]) -> dict[Signal, Scores]:
        held = self._lexical.held(ids, question.whole, question.line)
        return {
            Signal.LEXICAL: held.bm25(question.whole.weights),
            Signal.LEXICAL_LINE: held.bm25(question.line.weights),
            Signal.LEXICAL_TITLE: held.bm25(question.whole.weights, in_title=True),
        }

    def _nearness(self, question: Question, ids: list[int]) -> Nearness:
        if question.whole_vector is None or question.line_vector is None:
            return Nearness.unknown(len(ids))
        return self._meaning.compare(question.whole_vector, question.line_vector, ids)
