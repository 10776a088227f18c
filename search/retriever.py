"""Retrieval: a question's words in, the documents that most likely answer it out."""

import threading
from collections import OrderedDict
from collections.abc import Collection as AbstractCollection
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from opsatlas.db.transaction import reading
from search import repository
from search.collection import Candidates, Collection, Question
from search.documents import storable
from search.embedder import Embedder, ModelUnavailableError, Vectors
from search.excerpt import excerpt_of
from search.fusion import Signal, fuse
from search.in_step import CollectionInStep
from search.lexical import LexicalMatch
from search.query import MAX_CHARACTERS, understand
from search.repository import FoundDocument

INDEX_REBUILDING = "index_rebuilding"
"""Notice: much has changed at once, and the newest of it may not be found for a moment."""
TEXT_SHORTENED = "text_shortened"
"""Notice: the question was longer than what is read of one."""

# What is read of a question: for its words about 3,000 of them; for its meaning more than the 256
# word pieces that the model takes in.
MAX_QUESTION_CHARACTERS = MAX_CHARACTERS
_ENCODED_CHARACTERS = 4_000

_REMEMBERED_TEXTS = 512


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, and why."""

    kind: str
    key: str
    title: str
    score: float
    """0 to 1, fused: orders the hits of one question, says nothing across questions."""
    semantic: float
    """0 to 1: cosine of the question, or of its first line, with the nearest passage."""
    lexical: float
    """0 to 1: the share of the question's idf mass that the document has."""
    bm25: float
    matched_terms: list[str]
    """The question's words that the document has, rarest first."""
    passages: tuple[str, ...]
    """The passage that is nearest to the question; all of them where no vector says which."""
    signals: Mapping[Signal, float | None]
    """Every signal as its ranker gave it; None where it knew nothing of this document."""

    @property
    def excerpt(self) -> str:
        """The stretch of the best passage that has the most of the matched terms, on one line.

        Made when it is asked for: many hits are weighed, few are shown.
        """
        return excerpt_of(self.title, self.passages, self.matched_terms)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Hits, best first; `notices` says what was not available."""

    hits: list[Hit]
    notices: list[str]


class Retriever:
    """One a process; any thread may ask. `embedder` may still be warming up."""

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        *,
        candidates: int = 100,
        vector_index: str = "flat",
    ) -> None:
        """`candidates` is how many documents each ranker hands to the fusion."""
        self._engine = engine
        self._candidates = candidates
        self._in_step = CollectionInStep(
            engine, embedder.model_id, embedder.dimensions, vector_index
        )
        self._encoder = _RememberingEncoder(embedder)

    def retrieve(
        self, text: str, *, kinds: AbstractCollection[str] | None = None, limit: int = 50
    ) -> Retrieval:
        """The documents that best answer `text`; of `kinds` only, where they are given.

        Any text is a question. The model's absence is a notice (`model_warming_up`,
        `model_unavailable`) and the answer then lexical. Raises what reading the database raises.
        """
        notices: list[str] = []
        collection, whole = self._in_step.current()
        if not whole:
            notices.append(INDEX_REBUILDING)
        if len(text) > MAX_QUESTION_CHARACTERS:
            text = text[:MAX_QUESTION_CHARACTERS]
            notices.append(TEXT_SHORTENED)
        question = self._question(collection, storable(text), notices)
        found = collection.candidates(question, max(self._candidates, limit), kinds)
        fused = fuse(found.signals)
        rows = np.argsort(-fused, kind="stable")[:limit].tolist()
        ids = [found.ids[row] for row in rows]
        matches = collection.matches(question.whole, ids)
        with reading(self._engine) as session:
            documents = repository.found_documents(
                session, {found.ids[row]: found.passages[row] for row in rows}
            )
        hits = [
            _hit(found, row, float(fused[row]), documents[id_], matches.get(id_))
            for row, id_ in zip(rows, ids, strict=True)
            if id_ in documents  # else it was removed since the collection was brought in step
        ]
        return Retrieval(hits, notices)

    def refresh(self) -> Collection:
        """The collection with all that is committed, waiting for it where much has changed."""
        return self._in_step.refresh()

    def _question(self, collection: Collection, text: str, notices: list[str]) -> Question:
        line = first_line(text)
        understood = understand(text)
        whole_query = collection.query(text, understood.keys)
        line_query = (
            whole_query if line == text.strip() else collection.query(line, understood.keys)
        )
        if not line:
            return Question(whole_query, line_query)
        try:
            vectors = self._encoder.encode(
                text.strip()[:_ENCODED_CHARACTERS], understood.title[:_ENCODED_CHARACTERS]
            )
        except ModelUnavailableError as error:
            notices.append(error.code)
            return Question(whole_query, line_query)
        return Question(whole_query, line_query, *vectors)


class _RememberingEncoder:
    """Encodes a question once, though it is asked by several callers or page after page."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, *texts: str) -> list[Vectors]:
        """A vector (d,) for each text."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if missing:
            known |= zip(missing, self._embedder.encode_questions(missing), strict=True)
        with self._lock:
            for text in texts:
                self._vectors[text] = known[text]
                self._vectors.move_to_end(text)
            while len(self._vectors) > _REMEMBERED_TEXTS:
                self._vectors.popitem(last=False)
        return [known[text] for text in texts]


def first_line(text: str) -> str:
    """The first line that is not blank: what a question would have as its title."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _hit(
    found: Candidates,
    row: int,
    score: float,
    document: FoundDocument,
    match: LexicalMatch | None,
) -> Hit:
    signals = {name: _known(scores[row]) for name, scores in found.signals.items()}
    cosines = (signals[Signal.SEMANTIC] or 0.0, signals[Signal.SEMANTIC_LINE] or 0.0)
    return Hit(
        kind=document.kind,
        key=document.key,
        title=document.title,
        score=score,
        semantic=min(max(*cosines, 0.0), 1.0),
        lexical=match.share if match else 0.0,
        bm25=signals[Signal.LEXICAL] or 0.0,
        matched_terms=match.words if match else [],
        passages=tuple(document.passages),
        signals=signals,
    )


def _known(score: float) -> float | None:
    return None if np.isnan(score) else float(score)
