"""Encoding in the background: each distinct passage once a model, each batch kept once made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Engine, and_, delete, distinct, exists, func, insert, select
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.db.transaction import reading, transaction
from search.embedder import Embedder, Vectors
from search.late_interaction import encode_passages
from search.models import SearchPassage, SearchVector, SearchWords
from search.space_models import SpaceState, VectorSpace

VECTORS_CHANGED = "search_vector"
"""Kind under which the change table names a document of which a passage got its vector."""

_NEWEST = 2_000
"""Passages that were written last: looking through them takes milliseconds."""

_STORED = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class MissingVector:
    """A text that a model has not encoded yet."""

    content_hash: bytes
    text: str


def encode_missing(
    engine: Engine,
    embedder: Embedder,
    *,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """The body of the encoding job: encode what has no vector yet; returns how many texts.

    Each batch is a unit of work of its own, and none is open while the model works: stopped or
    killed at any moment, all finished batches stay, and the next run goes on from there. What was
    written last comes first: to find what else is missing, all passages are looked through.
    `progress` is told how many are done, and how many there were to do at the start.

    Raises ModelUnavailableError where the model is not there.
    """
    total = 0
    if progress is not None:
        with reading(engine) as session:
            total = count_missing(session, embedder.model_id)
    done = 0
    after, newest = b"", True
    while not should_stop():
        with reading(engine) as session:
            batch = next_missing(
                session, embedder.model_id, batch_size, after=after, newest_only=newest
            )
        if not batch and newest:
            after, newest = b"", False
            continue
        if not batch:
            break
        vectors, words = encode_passages(embedder, [missing.text for missing in batch])
        with transaction(engine) as session:
            hashes = [missing.content_hash for missing in batch]
            store_vectors(session, embedder.model_id, hashes, vectors, words)
        after = batch[-1].content_hash
        done += len(batch)
        if progress is not None:
            progress(done, max(done, total))
    return done


def count_missing(session: Session, model_id: str) -> int:
    """How many distinct texts `model_id` has yet to encode."""
    found = session.scalar(
        select(func.count(distinct(SearchPassage.content_hash))).where(_is_missing(model_id))
    )
    return found or 0


def is_whole(session: Session, model_id: str) -> bool:
    """Whether `model_id` has encoded every text."""
    missing = select(SearchPassage.id).where(_is_missing(model_id)).limit(1)
    return session.scalar(missing) is None


def next_missing(
    session: Session,
    model_id: str,
    limit: int,
    *,
    after: bytes = b"",
    newest_only: bool = False,
) -> list[MissingVector]:
    """The next texts to encode, in the order of their hashes from `after` (exclusive) on; with
    `newest_only` of those alone that were written last."""
    missing = _is_missing(model_id)
    if newest_only:
        newest = session.scalar(select(func.max(SearchPassage.id))) or 0
        missing = and_(SearchPassage.id > newest - _NEWEST, missing)
    rows = session.execute(
        select(SearchPassage.content_hash, func.min(SearchPassage.text).label("text"))
        .where(SearchPassage.content_hash > after, missing)
        .group_by(SearchPassage.content_hash)
        .order_by(SearchPassage.content_hash)
        .limit(limit)
    )
    return [MissingVector(row.content_hash, row.text) for row in rows]


def store_vectors(
    session: Session,
    model_id: str,
    content_hashes: Sequence[bytes],
    vectors: Vectors,
    words: Sequence[bytes | None] | None = None,
) -> None:
    """Keep `vectors` ((n, d), rows of unit length) for the texts of `content_hashes`, and their
    `words` where they are known.

    Collections in memory hear of them, unless answers come from the space of another model.
    """
    revision.lock(session)  # another process may be storing the same texts
    known = set(
        session.scalars(
            select(SearchVector.content_hash).where(
                SearchVector.model_id == model_id, SearchVector.content_hash.in_(content_hashes)
            )
        )
    )
    rows = [
        {
            "content_hash": content_hash,
            "model_id": model_id,
            "dimensions": vectors.shape[1],
            "vector": vector.astype(_STORED).tobytes(),
        }
        for content_hash, vector in zip(content_hashes, vectors, strict=True)
        if content_hash not in known
    ]
    if not rows:
        return
    session.execute(insert(SearchVector), rows)
    told = [
        {"content_hash": content_hash, "model_id": model_id, "words": of_text}
        for content_hash, of_text in zip(content_hashes, words or (), strict=False)
        if of_text is not None and content_hash not in known
    ]
    if told:
        session.execute(insert(SearchWords), told)
    serving = session.scalar(
        select(VectorSpace.model_id).where(VectorSpace.state == SpaceState.SERVING)
    )
    if serving not in (None, model_id):
        return
    documents = session.scalars(
        select(SearchPassage.document_id)
        .where(SearchPassage.content_hash.in_(content_hashes))
        .distinct()
    )
    revision.note(session, VECTORS_CHANGED, documents, most=revision.NAMED_IN_A_LOAD)


def prune_vectors(session: Session) -> int:
    """Drop the vectors of texts that no document has any more; returns how many."""
    orphans = SearchVector.content_hash.not_in(select(SearchPassage.content_hash))
    count = session.scalar(select(func.count()).select_from(SearchVector).where(orphans)) or 0
    session.execute(delete(SearchVector).where(orphans))
    gone = SearchWords.content_hash.not_in(select(SearchPassage.content_hash))
    session.execute(delete(SearchWords).where(gone))
    return count


def vector_from_bytes(stored: bytes) -> Vectors:
    """(d,) float32 from a row of `search_vector`."""
    return np.frombuffer(stored, dtype=_STORED).astype(np.float32)


def _is_missing(model_id: str) -> ColumnElement[bool]:
    return ~exists().where(
        SearchVector.content_hash == SearchPassage.content_hash, SearchVector.model_id == model_id
    )
