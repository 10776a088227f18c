"""Retrieval: in step with SQL in every process, on both databases, with and without the model."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from search import documents, in_step
from search.documents import TextDocument, put_documents, remove_documents
from search.embedder import Embedder, ModelUnavailableError
from search.encoding import encode_missing
from search.excerpt import excerpts
from search.query import MAX_CHARACTERS
from search.retriever import INDEX_REBUILDING, TEXT_SHORTENED, Hit, Retriever
from search.warming import WarmingEmbedder
from tests.search.conftest import CountingEmbedder, HashingEmbedder

DOCUMENTS = [
    TextDocument(
        "known_error", "KE-1", "Connection pool exhausted", "Raise max_connections on db-orders-01."
    ),
    TextDocument(
        "incident", "INC-1", "Checkout 502", "Pool exhausted; restarting orders-api helped."
    ),
    TextDocument("article", "A-1", "Disk full on log host", "Rotate the logs, then df -h."),
]


def put(engine: Engine, *documents: TextDocument) -> None:
    with transaction(engine) as session:
        put_documents(session, documents)


def keys(retriever: Retriever, text: str, **options: object) -> list[str]:
    return [hit.key for hit in retriever.retrieve(text, **options).hits]  # type: ignore[arg-type]


@pytest.fixture
def second_engine(engine: Engine, settings: Settings) -> Iterator[Engine]:
    """Another process's view of the same database."""
    url = engine.url.render_as_string(hide_password=False)
    other = open_engine(settings.model_copy(update={"database_url": url}))
    yield other
    other.dispose()


def told(engine: Engine, hit: Hit) -> str:
    with reading(engine) as session:
        return excerpts(session, [hit])[0]


def test_a_question_finds_what_means_the_same_in_other_words(
    engine: Engine, embedder: Embedder
) -> None:
    put(engine, *DOCUMENTS)
    encode_missing(engine, embedder, batch_size=8)
    found = Retriever(engine, embedder).retrieve("no free connections to the database")
    assert found.notices == []
    assert found.hits[0].key == "KE-1"
    assert found.hits[0].semantic > 0.4


def test_a_hit_shows_its_evidence(engine: Engine, embedder: Embedder) -> None:
    put(engine, *DOCUMENTS)
    encode_missing(engine, embedder, batch_size=8)
    hit = Retriever(engine, embedder).retrieve("pool exhausted on db-orders-01").hits[0]
    assert (hit.kind, hit.key, hit.title) == ("known_error", "KE-1", "Connection pool exhausted")
    assert hit.matched_terms[0] == "db-orders-01"
    assert {"pool", "exhausted"} <= set(hit.matched_terms)
    assert hit.lexical == pytest.approx(1.0)
    assert hit.bm25 > 0
    assert 0 < hit.score <= 1
    assert told(engine, hit) == "Raise max_connections on db-orders-01."


def test_only_the_kinds_that_are_asked_for_are_found(engine: Engine, embedder: Embedder) -> None:
    put(engine, *DOCUMENTS)
    encode_missing(engine, embedder, batch_size=8)
    retriever = Retriever(engine, embedder)
    assert keys(retriever, "pool exhausted", kinds=["incident"]) == ["INC-1"]
    assert keys(retriever, "pool exhausted", kinds=[]) == []
    assert len(keys(retriever, "pool exhausted", limit=2)) == 2


def test_a_record_is_found_by_its_words_at_once_and_by_its_meaning_once_encoded(
    engine: Engine, embedder: Embedder
) -> None:
    retriever = Retriever(engine, embedder)
    in_other_words = "every byte is taken, nothing more can be written"
    assert keys(retriever, in_other_words) == []
    put(engine, DOCUMENTS[2])
    assert keys(retriever, "disk full") == ["A-1"]
    assert keys(retriever, in_other_words) == []
    encode_missing(engine, embedder, batch_size=8)
    assert keys(retriever, in_other_words) == ["A-1"]


def test_what_one_process_writes_the_other_finds_on_its_next_question(
    engine: Engine, second_engine: Engine, hashing: CountingEmbedder
) -> None:
    here, there = Retriever(engine, hashing), Retriever(second_engine, hashing)
    assert keys(here, "pool") == keys(there, "pool") == []
    put(engine, *DOCUMENTS[:2])
    encode_missing(second_engine, hashing, batch_size=8)
    assert set(keys(here, "pool")) == set(keys(there, "pool")) == {"KE-1", "INC-1"}
    with transaction(second_engine) as session:
        remove_documents(session, "incident", ["INC-1"])
    assert keys(here, "pool") == keys(there, "pool") == ["KE-1"]
    assert len(here.refresh()) == len(there.refresh()) == 1


def test_an_edited_document_is_found_only_as_it_is_now(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    retriever = Retriever(engine, hashing)
    put(engine, DOCUMENTS[2])
    encode_missing(engine, hashing, batch_size=8)
    assert retriever.retrieve("rotate").hits[0].matched_terms == ["rotate"]
    put(engine, TextDocument("article", "A-1", "Disk full on log host", "Buy a disk."))
    hit = retriever.retrieve("rotate disk").hits[0]
    assert hit.matched_terms == ["disk"]
    assert told(engine, hit) == "Buy a disk."


def test_while_the_model_warms_up_the_answer_is_lexical_and_says_so(engine: Engine) -> None:
    put(engine, *DOCUMENTS)
    let_go = threading.Event()

    def load() -> Embedder:
        let_go.wait()
        raise ModelUnavailableError("hash wrong")

    warming = WarmingEmbedder(load)
    warming.start()
    found = Retriever(engine, warming).retrieve("disk full")
    let_go.set()
    assert found.notices == ["model_warming_up"]
    assert [hit.key for hit in found.hits] == ["A-1"]
    assert found.hits[0].semantic == 0.0
    assert told(engine, found.hits[0]) == "Rotate the logs, then df -h."
    warming.stop()


def test_when_the_model_failed_the_answer_is_lexical_and_says_so(engine: Engine) -> None:
    put(engine, *DOCUMENTS)

    def load() -> Embedder:
        raise ModelUnavailableError("hash wrong")

    warming = WarmingEmbedder(load)
    warming.wait(10)
    assert Retriever(engine, warming).retrieve("disk full").notices == ["model_unavailable"]
    warming.stop()


def test_a_question_is_encoded_once_however_often_it_is_asked(
    engine: Engine, hashing: CountingEmbedder
) -> None:
    put(engine, *DOCUMENTS)
    retriever = Retriever(engine, hashing)
    for _ in range(3):
        retriever.retrieve("pool exhausted\nsince noon")
    assert hashing.encoded == {"pool exhausted\nsince noon": 1, "pool exhausted": 1}


@pytest.mark.parametrize("text", ["", " \n", "\0", "\ud800", "((", "💥", "x" * 100_000])
def test_any_text_is_a_question(engine: Engine, embedder: Embedder, text: str) -> None:
    put(engine, *DOCUMENTS)
    encode_missing(engine, embedder, batch_size=8)
    found = Retriever(engine, embedder).retrieve(text)
    assert all(0 <= hit.score <= 1 for hit in found.hits)


def test_a_megabyte_of_log_is_answered_from_its_most_telling_lines_and_says_so(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    put(sqlite_engine, *DOCUMENTS)
    retriever = Retriever(sqlite_engine, embedder)
    start = time.perf_counter()
    found = retriever.retrieve(
        "disk full\n" + "ERROR 2026-03-04 12:00:00 broken\n" * 30_000 + "rotate the logs"
    )
    assert time.perf_counter() - start < 2
    assert TEXT_SHORTENED in found.notices
    assert found.hits[0].key == "A-1"
    assert set(found.hits[0].matched_terms) == {"disk", "full", "rotate", "logs"}
    assert TEXT_SHORTENED not in retriever.retrieve("x" * MAX_CHARACTERS).notices


def test_a_large_change_is_read_beside_the_old_collection(
    engine: Engine, hashing: CountingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Retriever(engine, hashing)
    put(engine, DOCUMENTS[0])
    assert keys(retriever, "pool") == ["KE-1"]
    built = threading.Event()
    build = in_step.CollectionInStep._build

    def slow_build(self: in_step.CollectionInStep) -> object:
        built.wait()
        return build(self)

    monkeypatch.setattr(in_step.CollectionInStep, "_build", slow_build)
    monkeypatch.setattr(documents, "NAMED_AT_ONCE", 1_000)
    many = [TextDocument("article", f"A-{n}", f"pool {n}", "") for n in range(1500)]
    put(engine, *many)
    meanwhile = retriever.retrieve("pool")
    assert [hit.key for hit in meanwhile.hits] == ["KE-1"]
    assert meanwhile.notices == [INDEX_REBUILDING]
    built.set()
    retriever.refresh()
    whole = retriever.retrieve("pool", limit=2000)
    assert len(whole.hits) == 1501
    assert whole.notices == []


def test_many_edits_rebuild_the_collection_and_lose_nothing(
    sqlite_engine: Engine, hashing: CountingEmbedder
) -> None:
    retriever = Retriever(sqlite_engine, hashing)
    put(sqlite_engine, *DOCUMENTS)
    first = retriever.refresh()
    for number in range(120):
        put(sqlite_engine, TextDocument("article", "A-1", f"edit {number}", ""))
        assert keys(retriever, f"edit {number}", kinds=["article"]) == ["A-1"]
    assert retriever.refresh() is not first
    assert keys(retriever, "edit 119") == ["A-1"]
    assert len(retriever.refresh()) == 3


def test_readers_and_writers_together_never_see_a_removed_document(
    sqlite_engine: Engine, hashing: CountingEmbedder
) -> None:
    retriever = Retriever(sqlite_engine, hashing)
    removed: set[str] = set()
    failures: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            gone = set(removed)
            try:
                failures.extend(gone.intersection(keys(retriever, "pool", limit=200)))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(25):
        put(sqlite_engine, TextDocument("incident", str(number), f"pool {number}", "exhausted"))
        encode_missing(sqlite_engine, hashing, batch_size=8)
        if number % 2:
            with transaction(sqlite_engine) as session:
                remove_documents(session, "incident", [str(number - 1)])
            removed.add(str(number - 1))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(keys(retriever, "pool", limit=200)) == {str(n) for n in range(25)} - removed


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.integers(0, 5), st.sampled_from(["pool", "disk", "pool disk"])
        ),
        st.tuples(st.just("remove"), st.integers(0, 5), st.just("")),
        st.tuples(st.just("encode"), st.just(0), st.just("")),
        st.tuples(st.just("ask"), st.just(0), st.just("")),
    ),
    max_size=12,
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_deltas_in_any_order_equal_a_rebuild(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    engine = open_engine(Settings(_env_file=None, data_dir=folder))
    migrate.upgrade(engine)
    hashing = HashingEmbedder()
    following = Retriever(engine, hashing)
    for operation, number, text in changes:
        if operation == "put":
            put(engine, TextDocument("incident", str(number), text, f"{text} text"))
        elif operation == "remove":
            with transaction(engine) as session:
                remove_documents(session, "incident", [str(number)])
        elif operation == "encode":
            encode_missing(engine, hashing, batch_size=2)
        else:
            following.retrieve("pool")
    encode_missing(engine, hashing, batch_size=8)
    fresh = Retriever(engine, hashing)

    def seen(retriever: Retriever) -> dict[str, tuple[float, tuple[str, ...], int | None]]:
        hits = retriever.retrieve("pool text").hits
        return {
            hit.key: (round(hit.semantic, 4), tuple(sorted(hit.matched_terms)), hit.passage)
            for hit in hits
        }

    assert seen(following) == seen(fresh)
    assert len(following.refresh()) == len(fresh.refresh())
    engine.dispose()
