"""Retrieval: a question's words in, the documents that most likely answer it out."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as AbstractCollection
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from opsatlas.db.transaction import reading
from opsatlas.groups import UNGROUPED, may_read
from search import repository
from search.collection import Candidates, Collection, Question
from search.documents import storable
from search.embedder import Embedder, ModelUnavailableError
from search.fusion import LATE_DEPTH, LOOKED_AT, Signal, fuse, reranked
from search.in_step import CollectionInStep
from search.indexes.rows import Precision
from search.late_interaction import Closeness, closeness
from search.lexical import LexicalMatch
from search.log_digest import as_read
from search.query import understand
from search.question_encoder import EncodedQuestion, EncodedText, QuestionEncoder, encoded
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
# Of a candidate whose words are not looked at.
_TOO_FAR_DOWN = Closeness(0.0, 0.0, 0.0, 0.0)


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
    document: int
    """Id of it in search."""
    passage: int | None
    """Id of its passage that is nearest to the question; None where no vector says which."""
    close: Closeness | None
    """What the words of the question and of that passage say of each other; zeros too far down to
    be looked at, None where they are not known."""
    signals: Mapping[Signal, float | None]
    """Every signal as its ranker gave it; None where it knew nothing of this document."""


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
        self._encoder = QuestionEncoder(embedder)

    def retrieve(
        self,
        text: str,
        *,
        kinds: AbstractCollection[str] | None = None,
        groups: frozenset[str] | None = UNGROUPED,
        limit: int = 50,
        but: AbstractCollection[int] = (),
        session: Session | None = None,
    ) -> Retrieval:
        """The documents that best answer `text`; of `kinds` only, where they are given, and none
        whose id is in `but`: those take no place that another could have.

        Only what a caller in `groups` may read is searched, all of it where that is None, as far
        as `session` sees it, by default one of its own.
        Any text is a question. The model's absence is a notice (`model_warming_up`,
        `model_unavailable`) and the answer then lexical. Raises what reading the database raises.
        """
        if session is None:
            with reading(self._engine) as own:
                return self.retrieve(
                    text, kinds=kinds, groups=groups, limit=limit, but=but, session=own
                )
        notices: list[str] = []
        now = self._in_step.current(session)
        collection = now.collection
        if not now.whole:
            notices.append(INDEX_REBUILDING)
        asked, shortened = as_read(storable(text))
        if shortened:
            notices.append(TEXT_SHORTENED)
        meant = self._begin(now.space, asked)
        line = first_line(asked)
        keys = understand(asked).keys
        whole_query = collection.query(asked, keys, groups)
        line_query = whole_query if line == asked.strip() else collection.query(line, keys, groups)
        most = max(self._candidates, limit)
        by_words = collection.lexical_ranking(whole_query, most, kinds, groups, but)
        read = encoded(meant, notices)
        vectors = () if read is None else (read.whole.vector, read.line.vector)
        question = Question(whole_query, line_query, *vectors)
        found = collection.candidates(question, most, kinds, groups, but, by_words)
        fused = fuse(found.signals)
        first = np.argsort(-fused, kind="stable")[: max(limit, LOOKED_AT)]
        looked_at = first[:LOOKED_AT].tolist()
        close = close_to(read, session, now.space.model_id, found, looked_at)
        late = np.array([np.nan if each is None else each.mean for each in close])
        beyond = None if np.isnan(late).all() else _TOO_FAR_DOWN
        said: dict[int, Closeness | None] = dict.fromkeys(first.tolist(), beyond)
        said.update(zip(looked_at, close, strict=True))
        fused[first] = reranked(fused[first], late[:LATE_DEPTH])
        rows = first[np.argsort(-fused[first], kind="stable")][:limit].tolist()
        ids = [found.ids[row] for row in rows]
        matches = collection.matches(question.whole, ids)
        documents = repository.found_documents(session, ids)
        hits = [
            _hit(found, row, float(fused[row]), documents[id_], matches.get(id_), said[row])
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

    def expect(self, text: str) -> None:
        """Begin to encode `text`, which will be asked for in a moment: that goes on beside what
        else there is to do for the question."""
        space = self._in_step.space
        if space is not None:
            self._begin(space, as_read(storable(text))[0])

    def _begin(self, space: Space, asked: str) -> list[Future[EncodedText]]:
        """The vectors of a question's text and of its title, which are being made; none of a text
        without words."""
        if not asked.strip():
            return []
        encoder = self._encoder_of(space)
        texts = asked.strip(), understand(asked).title
        return [encoder.begin(text[:_ENCODED_CHARACTERS]) for text in texts]

    @property
    def model_id(self) -> str:
        """Of the space that questions were answered from last."""
        return self._encoder.model_id

    def _encoder_of(self, space: Space) -> QuestionEncoder:
        """That of the space that the collection holds: what another has encoded is no use."""
        encoder = self._encoder
        if encoder.model_id != space.model_id:
            encoder = self._encoder = QuestionEncoder(self._embedder_of(space))
        return encoder


def _of(embedder: Embedder, space: Space) -> Embedder:
    """`embedder`, where it is of `space`; raises ModelUnavailableError where it is not."""
    if embedder.model_id != space.model_id:
        raise ModelUnavailableError(f"the model {space.model_id} is not held by this process")
    return embedder


def close_to(
    read: EncodedQuestion | None,
    session: Session,
    model_id: str,
    found: Candidates,
    rows: Sequence[int],
) -> list[Closeness | None]:
    """How close the words of the nearest passages of these candidates come to the question's; None
    where those of either are not known."""
    if read is None or read.whole.words is None or read.line.words is None:
        return [None] * len(rows)
    named = {
        found.ids[row]: passage for row in rows if (passage := found.passages[row]) is not None
    }
    passages, titles = repository.words_of(session, model_id, named)
    return closeness(
        read.whole.words,
        read.line.words,
        [passages.get(found.ids[row]) for row in rows],
        [titles.get(found.ids[row]) for row in rows],
    )


def first_line(text: str) -> str:
    """The first line that is not blank: what a question would have as its title."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _hit(
    found: Candidates,
    row: int,
    score: float,
    document: FoundDocument,
    match: LexicalMatch | None,
    close: Closeness | None,
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
        document=found.ids[row],
        passage=found.passages[row],
        close=close,
        signals=signals,
    )


def _known(score: float) -> float | None:
    return None if np.isnan(score) else float(score)
