"""Much that changes at once comes in piece by piece, and what is newer does not wait for it."""

import threading
import time

import pytest
from sqlalchemy import Engine

from opsatlas.db.transaction import transaction
from search import in_step
from search.documents import TextDocument, put_documents, remove_documents
from search.encoding import encode_missing
from search.fusion import Signal
from search.retriever import INDEX_REBUILDING, Retriever
from tests.search.conftest import CountingEmbedder

MANY = 450
"""More than two pieces."""


def article(number: int, text: str = "pool exhausted") -> TextDocument:
    return TextDocument("article", f"A-{number}", f"{text} {number}", "")


def put(engine: Engine, *documents: TextDocument) -> None:
    with transaction(engine) as session:
        put_documents(session, documents)


def keys(retriever: Retriever, text: str, limit: int = 50) -> set[str]:
    return {hit.key for hit in retriever.retrieve(text, limit=limit).hits}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing large comes in before this is set."""
    go = threading.Event()
    read = in_step.CollectionInStep._read_a_piece

    def when_told(self: in_step.CollectionInStep) -> bool:
        go.wait()
        return read(self)

    monkeypatch.setattr(in_step.CollectionInStep, "_read_a_piece", when_told)
    return go


@pytest.fixture
def retriever(engine: Engine, hashing: CountingEmbedder) -> Retriever:
    """One that holds a document already."""
    made = Retriever(engine, hashing)
    put(engine, article(0))
    made.refresh()
    return made


def test_a_large_import_is_read_into_the_collection_that_is_there(
    engine: Engine, retriever: Retriever, hashing: CountingEmbedder
) -> None:
    before = retriever.refresh()
    put(engine, *(article(number) for number in range(MANY)))
    encode_missing(engine, hashing, batch_size=64)
    with transaction(engine) as session:
        remove_documents(session, "article", [f"A-{number}" for number in range(100)])
    assert retriever.refresh() is before
    found = retriever.retrieve("pool exhausted", limit=MANY)
    assert found.notices == []
    assert {hit.key for hit in found.hits} == {f"A-{number}" for number in range(100, MANY)}
    assert all(hit.signals[Signal.SEMANTIC] is not None for hit in found.hits)


def test_a_new_document_is_found_at_once_while_a_large_import_comes_in(
    engine: Engine, retriever: Retriever, held: threading.Event
) -> None:
    put(engine, *(article(number) for number in range(MANY)))
    meanwhile = retriever.retrieve("pool exhausted")
    assert meanwhile.notices == [INDEX_REBUILDING]
    assert {hit.key for hit in meanwhile.hits} == {"A-0"}
    put(engine, article(9_000, "kettle"))
    assert keys(retriever, "kettle") == {"A-9000"}
    held.set()
    assert len(retriever.refresh()) == MANY + 1


def test_an_edit_of_what_is_still_coming_in_is_not_overtaken_by_it(
    engine: Engine, retriever: Retriever, held: threading.Event
) -> None:
    put(engine, *(article(number) for number in range(MANY)))
    retriever.retrieve("pool")
    put(engine, article(7, "kettle"))
    with transaction(engine) as session:
        remove_documents(session, "article", ["A-8"])
    assert keys(retriever, "kettle") == {"A-7"}
    held.set()
    retriever.refresh()
    assert keys(retriever, "kettle") == {"A-7"}
    assert keys(retriever, "pool", limit=MANY) == {f"A-{n}" for n in range(MANY)} - {"A-7", "A-8"}


def test_vectors_of_what_is_still_coming_in_come_with_it(
    engine: Engine, retriever: Retriever, hashing: CountingEmbedder, held: threading.Event
) -> None:
    put(engine, *(article(number) for number in range(MANY)))
    retriever.retrieve("pool")
    encode_missing(engine, hashing, batch_size=64)
    assert keys(retriever, "pool") == {"A-0"}
    held.set()
    retriever.refresh()
    found = retriever.retrieve("pool", limit=MANY).hits
    assert len(found) == MANY
    assert all(hit.signals[Signal.SEMANTIC] is not None for hit in found)


def test_a_process_that_ends_does_not_wait_for_a_large_import(
    engine: Engine, retriever: Retriever
) -> None:
    put(engine, *(article(number) for number in range(MANY)))
    retriever.retrieve("pool")
    started = time.monotonic()
    retriever.stop()
    assert time.monotonic() - started < 30
