"""A collection of documents in memory: lexical and vector indexes, and what they say of a query.

Knows no database: `retriever.py` keeps one in step with SQL.
"""

from collections import defaultdict
from collections.abc import Collection as AbstractCollection
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from search.embedder import Vectors
from search.fusion import Scores, Signal
from search.indexes import VectorIndex, open_vector_index
from search.lexical import LexicalEntry, LexicalIndex, LexicalMatch, LexicalQuery
from search.sharing import SharedLock

# Passages asked for a document wanted: a long document fills several places with its own.
_PASSAGES_PER_DOCUMENT = 3


@dataclass(frozen=True, slots=True)
class DocumentVectors:
    """The vectors that a document has so far."""

    id: int
    kind: str
    title: Vectors | None = None
    """(d,), of the title alone."""
    passages: dict[int, Vectors] = field(default_factory=dict)
    """(d,) by passage id."""


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


@dataclass(frozen=True, slots=True)
class _Held:
    kind: str
    passages: tuple[int, ...] = ()
    has_title: bool = False


_NOTHING_HELD = _Held("")


class Collection:
    """Any number of threads may read while one writes; a write is seen whole or not at all."""

    def __init__(self, dimensions: int, vector_index: str = "flat") -> None:
        self._dimensions = dimensions
        self._vector_index = vector_index
        self._lexical = LexicalIndex()
        # One index a kind, so that a search over some kinds loses nothing to the others.
        self._passages: dict[str, VectorIndex] = {}
        self._titles = open_vector_index(vector_index, dimensions)
        self._held: dict[int, _Held] = {}
        self._owner: dict[int, int] = {}
        self._lock = SharedLock()

    def __len__(self) -> int:
        return len(self._lexical)

    @property
    def worn(self) -> bool:
        """Whether so much was replaced that a rebuild would sharpen the lexical statistics."""
        return self._lexical.replaced > max(100, len(self) // 2)

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
                self._drop_vectors(gone)
                self._lexical.apply(entries, remove)
            self._put_vectors(list(vectors))

    def query(self, text: str, keys: Iterable[str] = ()) -> LexicalQuery:
        """The lexical half of a question; `keys` are the words of it that name a fault."""
        return self._lexical.query(text, keys)

    def lexical_ranking(
        self, query: LexicalQuery, limit: int, kinds: AbstractCollection[str] | None = None
    ) -> dict[int, float]:
        """BM25 by document id, best first."""
        return self._lexical.search(query, limit, kinds=kinds)

    def semantic_ranking(
        self, vector: Vectors, limit: int, kinds: AbstractCollection[str] | None = None
    ) -> dict[int, float]:
        """Cosine of the best passage by document id, best first."""
        with self._lock.reading():
            return self._nearest_documents(vector, limit, kinds)

    def matches(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """What each document of `ids` has of the query's words."""
        return self._lexical.matches(query, ids)

    def candidates(
        self, question: Question, limit: int, kinds: AbstractCollection[str] | None = None
    ) -> Candidates:
        """The best `limit` of each ranker together, each with all signals."""
        with self._lock.reading():
            found = dict.fromkeys(self._lexical.search(question.whole, limit, kinds=kinds))
            if question.whole_vector is not None:
                found |= dict.fromkeys(self._nearest_documents(question.whole_vector, limit, kinds))
            ids = list(found)
            signals = self._lexical_signals(question, ids)
            semantic, passages = self._semantic_signals(question, ids)
        return Candidates(ids, signals | semantic, passages)

    def _lexical_signals(self, question: Question, ids: list[int]) -> dict[Signal, Scores]:
        def scores(query: LexicalQuery, in_field: str = "all") -> Scores:
            found = self._lexical.search(query, len(ids), field=in_field, among=ids)
            return np.array([found.get(id_, 0.0) for id_ in ids])

        whole = scores(question.whole)
        return {
            Signal.LEXICAL: whole,
            Signal.LEXICAL_LINE: (
                whole if question.line == question.whole else scores(question.line)
            ),
            Signal.LEXICAL_TITLE: scores(question.whole, "title"),
        }

    def _semantic_signals(
        self, question: Question, ids: list[int]
    ) -> tuple[dict[Signal, Scores], list[int | None]]:
        """The cosines of each document's best passage and title, and that passage."""
        best: list[int | None] = [None] * len(ids)
        signals = {
            name: np.full(len(ids), np.nan)
            for name in (Signal.SEMANTIC, Signal.SEMANTIC_LINE, Signal.TITLE_LINE)
        }
        if question.whole_vector is None or question.line_vector is None:
            return signals, best
        both = np.stack([question.whole_vector, question.line_vector], axis=1)
        by_kind: dict[str, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
        titled: list[tuple[int, int]] = []
        for row, id_ in enumerate(ids):
            held = self._held.get(id_, _NOTHING_HELD)
            if held.passages:
                by_kind[held.kind].append((row, held.passages))
            if held.has_title:
                titled.append((row, id_))
        for kind, documents in by_kind.items():
            flat = np.array([passage for _, passages in documents for passage in passages])
            cosines = self._passages[kind].vectors(flat) @ both
            end = 0
            for row, passages in documents:
                start, end = end, end + len(passages)
                of_document = cosines[start:end]
                signals[Signal.SEMANTIC][row], signals[Signal.SEMANTIC_LINE][row] = of_document.max(
                    axis=0
                )
                best[row] = passages[int(of_document.sum(axis=1).argmax())]
        if titled:
            rows, titles = np.array(titled).T
            signals[Signal.TITLE_LINE][rows] = self._titles.vectors(titles) @ question.line_vector
        return signals, best

    def _nearest_documents(
        self, vector: Vectors, limit: int, kinds: AbstractCollection[str] | None
    ) -> dict[int, float]:
        best: dict[int, float] = defaultdict(lambda: -1.0)
        for kind, index in self._passages.items():
            if kinds is None or kind in kinds:
                ids, cosines = index.search(vector, limit * _PASSAGES_PER_DOCUMENT)
                for id_, cosine in zip(ids.tolist(), cosines.tolist(), strict=True):
                    owner = self._owner[id_]
                    best[owner] = max(best[owner], cosine)
        return dict(sorted(best.items(), key=lambda item: -item[1])[:limit])

    def _drop_vectors(self, ids: Iterable[int]) -> None:
        passages: dict[str, list[int]] = defaultdict(list)
        titles: list[int] = []
        for id_ in ids:
            held = self._held.pop(id_, None)
            if held is not None:
                passages[held.kind] += held.passages
                titles += [id_] if held.has_title else []
        for kind, gone in passages.items():
            self._passages[kind].remove(np.array(gone, dtype=np.int64))
            for passage in gone:
                del self._owner[passage]
        self._titles.remove(np.array(titles, dtype=np.int64))

    def _put_vectors(self, documents: Sequence[DocumentVectors]) -> None:
        self._drop_vectors([document.id for document in documents])
        by_kind: dict[str, dict[int, Vectors]] = defaultdict(dict)
        for document in documents:
            self._held[document.id] = _Held(
                document.kind, tuple(document.passages), document.title is not None
            )
            self._owner |= dict.fromkeys(document.passages, document.id)
            by_kind[document.kind] |= document.passages
        for kind, passages in by_kind.items():
            if kind not in self._passages:
                self._passages[kind] = open_vector_index(self._vector_index, self._dimensions)
            self._put(self._passages[kind], passages)
        self._put(
            self._titles,
            {document.id: document.title for document in documents if document.title is not None},
        )

    @staticmethod
    def _put(index: VectorIndex, vectors: dict[int, Vectors]) -> None:
        if vectors:
            index.put(np.array(list(vectors), dtype=np.int64), np.stack(list(vectors.values())))
