"""Retrieval: a question's words in, the documents that most likely answer it out."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Collection as AbstractCollection
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from opsatlas.db.transaction import reading
from opsatlas.groups import UNGROUPED, may_read
from search import repository
from search.collection import Candidates, Collection, Question
from search.documents import storable
from search.embedder import Embedder, ModelUnavailableError, Vectors
from search.excerpt import excerpt_of
from search.fusion import Signal, fuse
from search.in_step import CollectionInStep, InStep
from search.indexes.rows import Precision
from search.lexical import LexicalMatch
from search.log_digest import as_read
from search.query import understand
from search.repository import FoundDocument
from search.saved_index import SavedIndexes
from search.spaces import Space
from search.vector_choice import meaning_of

INDEX_REBUILDING = "index_rebuilding"
"""Notice: much has changed at once, and the newest of it may not be found for a moment."""
TEXT_SHORTENED = "text_shortened"
"""Notice: the question was longer than what is read of one."""

# What is read of a question for its meaning: more than the 256 word pieces that the model takes in.
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
    question: Question
    """What the text became."""
    collection: Collection
    """What it was asked of: more of it can be compared with the question."""


class Retriever:
    """One a process; any thread may ask. `embedder` may still be warming up."""

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        *,
        candidates: int = 100,
        vector_index: str = "auto",
        vector_precision: Precision = "fp32",
        saved: SavedIndexes | None = None,
        embedder_of: Callable[[Space], Embedder] | None = None,
    ) -> None:
        """`candidates` is how many documents each ranker hands to the fusion. With `saved` large
        indexes are kept in files.

        `embedder` is of the space that serves where the database names none; `embedder_of` gives
        the model of any other, without it `embedder` is all that there is.
        """
        self._engine = engine
        self._candidates = candidates
        self._in_step = CollectionInStep(
            engine,
            Space(embedder.model_id, embedder.dimensions),
            meaning_of(engine, vector_index, vector_precision),
            saved,
        )
        self._embedder_of = embedder_of or (lambda space: _of(embedder, space))
        self._encoder = _RememberingEncoder(embedder)

    def retrieve(
        self,
        text: str,
        *,
        kinds: AbstractCollection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
        limit: int = 50,
        but: AbstractCollection[int] = (),
    ) -> Retrieval:
        """The documents that best answer `text`; of `kinds` only, where they are given, and none
        whose id is in `but`: those take no place that another could have.

        Only what a caller in `groups` may read is searched, all of it where that is None.
        Any text is a question. The model's absence is a notice (`model_warming_up`,
        `model_unavailable`) and the answer then lexical. Raises what reading the database raises.
        """
        notices: list[str] = []
        now = self._in_step.current()
        collection = now.collection
        if not now.whole:
            notices.append(INDEX_REBUILDING)
        asked, shortened = as_read(storable(text))
        if shortened:
            notices.append(TEXT_SHORTENED)
        question = self._question(now, asked, groups, notices)
        found = collection.candidates(question, max(self._candidates, limit), kinds, groups, but)
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
            # else it was removed, or closed to this caller, since the collection was in step
            if id_ in documents and may_read(documents[id_].audience, groups)
        ]
        return Retrieval(hits, notices, question, collection)

    def prepare(self) -> None:
        """Have the collection ready before anyone asks. Raises what reading the database raises."""
        self._in_step.current()

    def stop(self) -> None:
        """Give up what runs in the background, and save what has changed for the next start."""
        self._in_step.stop()

    def current(self) -> Collection:
        """The collection to ask now, without waiting for what is read beside it."""
        return self._in_step.current().collection

    def refresh(self) -> Collection:
        """The collection with all that is committed, waiting for it where much has changed."""
        return self._in_step.refresh()

    def _question(
        self,
        now: InStep,
        text: str,
        groups: frozenset[str] | None,
        notices: list[str],
    ) -> Question:
        collection = now.collection
        line = first_line(text)
        understood = understand(text)
        whole_query = collection.query(text, understood.keys, groups)
        line_query = (
            whole_query if line == text.strip() else collection.query(line, understood.keys, groups)
        )
        if not line:
            return Question(whole_query, line_query)
        try:
            vectors = self._encoder_of(now.space).encode(
                text.strip()[:_ENCODED_CHARACTERS], understood.title[:_ENCODED_CHARACTERS]
            )
        except ModelUnavailableError as error:
            notices.append(error.code)
            return Question(whole_query, line_query)
        return Question(whole_query, line_query, *vectors)

    @property
    def model_id(self) -> str:
        """Of the space that questions were answered from last."""
        return self._encoder.model_id

    def _encoder_of(self, space: Space) -> "_RememberingEncoder":
        """That of the space that the collection holds: what another has encoded is no use."""
        encoder = self._encoder
        if encoder.model_id != space.model_id:
            encoder = self._encoder = _RememberingEncoder(self._embedder_of(space))
        return encoder


def _of(embedder: Embedder, space: Space) -> Embedder:
    """`embedder`, where it is of `space`; raises ModelUnavailableError where it is not."""
    if embedder.model_id != space.model_id:
        raise ModelUnavailableError(f"the model {space.model_id} is not held by this process")
    return embedder


class _RememberingEncoder:
    """Encodes a question once, though it is asked by several callers or page after page."""

    def __init__(self, embedder: Embedder) -> None:
        self.model_id = embedder.model_id
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
