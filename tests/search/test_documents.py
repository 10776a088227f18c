"""Documents, passages and vectors in SQL, on both databases; nothing is encoded twice."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from opsatlas import revision
from opsatlas.db.transaction import reading, transaction
from search.documents import (
    DOCUMENT_CHANGED,
    PutCounts,
    TextDocument,
    put_documents,
    remove_documents,
)
from search.embedder import Embedder, Vectors
from search.encoding import (
    VECTORS_CHANGED,
    count_missing,
    encode_missing,
    next_missing,
    prune_vectors,
    store_vectors,
    vector_from_bytes,
)
from search.models import SearchDocument, SearchPassage, SearchVector
from tests.search.conftest import CountingEmbedder

POOL = TextDocument("incident", "INC-1", "Pool exhausted", "Restarting the pool helped.")
DISK = TextDocument("incident", "INC-2", "Disk full", "Log rotation was off.")


def put(engine: Engine, *documents: TextDocument, passage_words: int = 120) -> PutCounts:
    with transaction(engine) as session:
        return put_documents(session, documents, passage_words=passage_words)


def remove(engine: Engine, kind: str, keys: Iterable[str]) -> int:
    with transaction(engine) as session:
        return remove_documents(session, kind, list(keys))


def count(engine: Engine, table: type) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def changed(engine: Engine, since: int) -> dict[str, set[int]]:
    with reading(engine) as session:
        changes = revision.changed_since(session, since, [DOCUMENT_CHANGED, VECTORS_CHANGED])
    assert changes is not None
    return changes.ids


def newest(engine: Engine) -> int:
    with reading(engine) as session:
        return revision.newest(session)


def test_documents_are_created_updated_and_otherwise_left_alone(engine: Engine) -> None:
    assert put(engine, POOL, DISK) == PutCounts(created=2, updated=0, unchanged=0)
    edited = TextDocument("incident", "INC-2", "Disk full", "Something else.")
    assert put(engine, POOL, edited) == PutCounts(created=0, updated=1, unchanged=1)
    with reading(engine) as session:
        texts = set(session.scalars(select(SearchPassage.text)))
    assert texts == {
        "Pool exhausted",
        "Pool exhausted\nRestarting the pool helped.",
        "Disk full",
        "Disk full\nSomething else.",
    }


def test_an_unchanged_document_takes_no_revision(engine: Engine) -> None:
    put(engine, POOL)
    before = newest(engine)
    put(engine, POOL)
    assert newest(engine) == before


def test_the_change_table_names_what_was_put_and_removed(engine: Engine) -> None:
    put(engine, POOL, DISK)
    before = newest(engine)
    with reading(engine) as session:
        disk = session.scalar(select(SearchDocument.id).where(SearchDocument.key == "INC-2"))
    assert remove(engine, "incident", ["INC-2", "INC-99"]) == 1
    assert changed(engine, before)[DOCUMENT_CHANGED] == {disk}


def test_the_last_of_two_with_one_name_is_kept(engine: Engine) -> None:
    later = TextDocument("incident", "INC-1", "Later", "")
    assert put(engine, POOL, later).created == 1
    with reading(engine) as session:
        assert session.scalars(select(SearchDocument.title)).all() == ["Later"]


def test_the_same_key_of_another_kind_is_another_document(engine: Engine) -> None:
    put(engine, POOL, TextDocument("article", "INC-1", "Article", ""))
    assert remove(engine, "article", ["INC-1"]) == 1
    assert count(engine, SearchDocument) == 1


def test_text_that_a_database_cannot_hold_is_kept_but_for_those_signs(engine: Engine) -> None:
    put(engine, TextDocument("incident", "INC-3", "nul \0", "half \ud800 a pair"))
    with reading(engine) as session:
        row = session.execute(select(SearchDocument.title, SearchDocument.text)).one()
    assert tuple(row) == ("nul �", "half � a pair")


def test_another_passage_length_splits_everything_anew(engine: Engine) -> None:
    long = TextDocument("article", "A", "Title", "word " * 100)
    put(engine, long)
    assert put(engine, long, passage_words=20).updated == 1
    assert count(engine, SearchPassage) == 6


def test_removing_a_document_takes_its_passages_and_keeps_its_vectors(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, POOL)
    encode_missing(engine, hashing, batch_size=8)
    remove(engine, "incident", ["INC-1"])
    assert (count(engine, SearchPassage), count(engine, SearchVector)) == (0, 2)
    put(engine, POOL)
    assert encode_missing(engine, hashing, batch_size=8) == 0


def test_nothing_is_encoded_twice(engine: Engine, hashing: CountingEmbedder) -> None:
    copy = TextDocument("article", "A", POOL.title, POOL.text)
    put(engine, POOL, DISK, copy)
    assert encode_missing(engine, hashing, batch_size=3) == 4
    put(engine, POOL, TextDocument("incident", "INC-2", "Disk full", "Rotation is on again."))
    assert encode_missing(engine, hashing, batch_size=3) == 1
    assert encode_missing(engine, hashing, batch_size=3) == 0
    assert set(hashing.encoded.values()) == {1}


def test_encoding_goes_on_where_it_was_stopped(engine: Engine, hashing: CountingEmbedder) -> None:
    put(engine, *(TextDocument("article", str(n), f"title {n}", f"text {n}") for n in range(10)))
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    encode_missing(
        engine, hashing, batch_size=4, progress=progress, should_stop=lambda: len(told) == 2
    )
    assert told == [(4, 20), (8, 20)]
    assert encode_missing(engine, hashing, batch_size=4) == 12
    assert set(hashing.encoded.values()) == {1}


def test_a_failing_model_leaves_what_was_encoded_before(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, POOL, DISK)

    class Failing(CountingEmbedder):
        def encode(self, texts: Sequence[str]) -> Vectors:
            if self.encoded:
                raise RuntimeError("out of memory")
            return super().encode(texts)

    with pytest.raises(RuntimeError):
        encode_missing(engine, Failing(hashing), batch_size=3)
    with reading(engine) as session:
        assert count_missing(session, hashing.model_id) == 1


def test_each_model_has_vectors_of_its_own(engine: Engine, hashing: CountingEmbedder) -> None:
    put(engine, POOL)
    encode_missing(engine, hashing, batch_size=8)
    with reading(engine) as session:
        assert next_missing(session, hashing.model_id, 10) == []
        assert len(next_missing(session, "another", 10)) == 2


def test_storing_a_vector_again_changes_nothing(engine: Engine, hashing: CountingEmbedder) -> None:
    put(engine, POOL)
    with reading(engine) as session:
        missing = next_missing(session, hashing.model_id, 10)
    vectors = hashing.encode([one.text for one in missing])
    hashes = [one.content_hash for one in missing]
    for given in (vectors, -vectors):
        before = newest(engine)
        with transaction(engine) as session:
            store_vectors(session, hashing.model_id, hashes, given)
    assert newest(engine) == before
    with reading(engine) as session:
        stored = session.scalar(
            select(SearchVector.vector).where(SearchVector.content_hash == hashes[0])
        )
    assert stored is not None
    np.testing.assert_array_equal(vector_from_bytes(stored), vectors[0])


def test_a_new_vector_names_every_document_that_has_the_text(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, POOL, TextDocument("article", "A", POOL.title, POOL.text), DISK)
    with reading(engine) as session:
        ids = set(session.scalars(select(SearchDocument.id)))
    before = newest(engine)
    encode_missing(engine, hashing, batch_size=8)
    assert changed(engine, before)[VECTORS_CHANGED] == ids


def test_vectors_of_texts_that_are_gone_can_be_pruned(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, POOL, DISK)
    encode_missing(engine, hashing, batch_size=8)
    remove(engine, "incident", ["INC-1"])
    with transaction(engine) as session:
        assert prune_vectors(session) == 2
        assert prune_vectors(session) == 0
    assert count(engine, SearchVector) == 2


def test_the_real_model_s_vectors_are_stored_to_the_bit(engine: Engine, embedder: Embedder) -> None:
    put(engine, POOL)
    assert encode_missing(engine, embedder, batch_size=8) == 2
    with reading(engine) as session:
        stored = [vector_from_bytes(v) for v in session.scalars(select(SearchVector.vector))]
    assert all(np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5) for vector in stored)
    assert all(vector.shape == (384,) for vector in stored)
