"""Documents whose vectors are given rather than made by a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from opsatlas.db.transaction import reading, transaction
from search import repository
from search.documents import TextDocument, put_documents
from search.embedder import Vectors
from search.encoding import store_vectors
from search.in_memory import VectorsInMemory
from search.meaning import Meaning
from search.models import SearchDocument, SearchPassage
from search.shelves import Shelf
from search.spaces import Space


@dataclass(frozen=True, slots=True)
class Placed:
    """A document, and where its title and its one passage lie ((d,) each)."""

    key: str
    title: Vectors
    passage: Vectors
    kind: str = "incident"
    groups: frozenset[str] = frozenset()


def unit(vectors: Vectors) -> Vectors:
    """Rows of unit length."""
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float32)


def clustered(seed: int, count: int, dimensions: int, clusters: int) -> Vectors:
    """(count, dimensions): around so many middles, as texts of one trouble lie together."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(clusters, dimensions))
    around = chance.normal(size=(count, dimensions)) * 0.7
    return unit((middles[chance.integers(0, clusters, count)] + around).astype(np.float32))


def put(engine: Engine, space: Space, documents: Sequence[Placed]) -> None:
    """Store documents and their vectors, as the encoding job would."""
    with transaction(engine) as session:
        put_documents(
            session,
            [
                TextDocument(each.kind, each.key, f"title {each.key}", each.key, each.groups)
                for each in documents
            ],
        )
        _store(session, space, documents)


def _store(session: Session, space: Space, documents: Sequence[Placed]) -> None:
    rows = session.execute(
        select(SearchDocument.kind, SearchDocument.key, SearchPassage.ordinal)
        .add_columns(SearchPassage.content_hash)
        .join(SearchPassage, SearchPassage.document_id == SearchDocument.id)
    ).all()
    hashes = {(row.kind, row.key, row.ordinal): row.content_hash for row in rows}
    for ordinal in (0, 1):
        store_vectors(
            session,
            space.model_id,
            [hashes[each.kind, each.key, ordinal] for each in documents],
            np.stack([each.title if ordinal == 0 else each.passage for each in documents]),
        )


def in_memory(engine: Engine, space: Space) -> VectorsInMemory:
    """All vectors of a space, compared exactly in this process: the oracle."""
    held = VectorsInMemory(space.dimensions, "flat")
    with reading(engine) as session:
        held.apply([], repository.document_vectors(session, space.model_id))
    return held


def ids_of(engine: Engine) -> dict[str, int]:
    """Document ids by key."""
    with reading(engine) as session:
        rows = session.execute(select(SearchDocument.key, SearchDocument.id)).all()
    return {row.key: row.id for row in rows}


def shelves_of(engine: Engine) -> dict[Shelf, int]:
    """How many documents stand on each shelf."""
    counts: dict[Shelf, int] = {}
    with reading(engine) as session:
        for each in repository.entries(session):
            counts[each.shelf] = counts.get(each.shelf, 0) + 1
    return counts


def found(meaning: Meaning, vector: Vectors, limit: int, shelves: Mapping[Shelf, int]) -> list[int]:
    """The ids of the nearest documents, best first."""
    return list(meaning.nearest(vector, limit, shelves))
