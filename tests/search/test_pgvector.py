"""pgvector on a real server: what flat FAISS finds, in every process, and nothing that is gone."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, text

from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from search.documents import TextDocument, put_documents, remove_documents
from search.embedder import Embedder, Vectors
from search.encoding import encode_missing
from search.indexes import pgvector
from search.indexes.pgvector import VectorsInPostgres
from search.indexes.pgvector_table import EmbeddingTable, PgvectorMissingError, set_up
from search.models import SearchVector
from search.retriever import Retriever
from search.shelves import Shelf
from search.spaces import Space
from tests.search.conftest import CountingEmbedder
from tests.search.vectors import (
    Placed,
    clustered,
    found,
    ids_of,
    in_memory,
    put,
    shelves_of,
    unit,
)

SPACE = Space("it's 100%:model", 16)


@pytest.fixture
def second_engine(postgres_settings: Settings) -> Iterator[Engine]:
    """Another process's view of the same database."""
    other = open_engine(postgres_settings)
    yield other
    other.dispose()


def placed(
    vectors: Vectors,
    prefix: str = "d",
    kind: str = "incident",
    groups: frozenset[str] = frozenset(),
) -> list[Placed]:
    """A document for each two vectors: its title and its passage."""
    return [
        Placed(f"{prefix}{row}", vectors[row], vectors[row + 1], kind, groups)
        for row in range(0, len(vectors), 2)
    ]


def test_it_finds_and_compares_exactly_as_flat_does(postgres_engine: Engine) -> None:
    put(postgres_engine, SPACE, placed(clustered(1, 240, 16, 6)))
    here = VectorsInPostgres(postgres_engine, SPACE)
    here.catch_up(None)
    exact, shelves = in_memory(postgres_engine, SPACE), shelves_of(postgres_engine)
    ids = list(ids_of(postgres_engine).values())
    for vector in clustered(2, 10, 16, 6):
        ours, theirs = (each.nearest(vector, 20, shelves) for each in (here, exact))
        assert list(ours) == list(theirs)
        assert list(ours.values()) == pytest.approx(list(theirs.values()), abs=1e-6)
        near, as_near = (each.compare(vector, -vector, [*ids, 999]) for each in (here, exact))
        assert near.passages == as_near.passages
        # Titles in memory are in half precision.
        for name, off in (("whole", 1e-6), ("line", 1e-6), ("title", 1e-3)):
            np.testing.assert_allclose(getattr(near, name), getattr(as_near, name), atol=off)
    for one, other in zip(here.vectors_of(ids), exact.vectors_of(ids), strict=True):
        assert one is not None
        np.testing.assert_array_equal(one, other)
    assert here.vectors_of([999]) == [None]
    here.settle()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_along_the_index_99_of_100_are_those_of_flat_whatever_the_shelf(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(pgvector, "DOCUMENTS_A_STEP", 0)
    vectors = clustered(3, 3_600, 16, 40)
    put(postgres_engine, SPACE, placed(vectors[:2_600]))
    put(postgres_engine, SPACE, placed(vectors[2_600:3_400], prefix="a", kind="article"))
    secret = frozenset({"payments"})
    put(postgres_engine, SPACE, placed(vectors[3_400:], prefix="s", groups=secret))
    here = VectorsInPostgres(postgres_engine, SPACE, precision)  # type: ignore[arg-type]
    here.catch_up(None)
    here.settle()
    exact, shelves = in_memory(postgres_engine, SPACE), shelves_of(postgres_engine)
    walks = _counted(here, monkeypatch)
    for some in (shelves, *({shelf: count} for shelf, count in shelves.items())):
        hits = sum(
            len({*found(here, vector, 10, some)} & {*found(exact, vector, 10, some)})
            for vector in clustered(4, 40, 16, 40)
        )
        assert hits >= 0.99 * 400, some
    assert len(walks) >= 160
    assert _uses_the_index(postgres_engine)


def _counted(here: VectorsInPostgres, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    walks: list[int] = []
    walk = here._walk

    def counted(asked: dict[str, object], passages: int) -> tuple[dict[int, float], bool]:
        walks.append(passages)
        return walk(asked, passages)

    monkeypatch.setattr(here, "_walk", counted)
    return walks


def _uses_the_index(engine: Engine) -> bool:
    """Other connections tell of their scans some seconds later."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with reading(engine) as session:
            session.execute(text("SELECT pg_stat_force_next_flush()"))
            scans = session.scalar(
                text(
                    "SELECT sum(idx_scan) FROM pg_stat_user_indexes"
                    " WHERE indexrelname LIKE 'search_embedding%fp%'"
                )
            )
        if scans:
            return True
        time.sleep(0.2)
    return False


def test_where_a_walk_along_the_index_loses_its_way_all_are_compared(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than are asked for stand on a shelf, far from the question, among many others."""
    monkeypatch.setattr(pgvector, "DOCUMENTS_A_STEP", 0)
    monkeypatch.setattr(pgvector, "_MOST_SCANNED", 50)
    vectors = clustered(5, 2_000, 16, 2)
    put(postgres_engine, SPACE, placed(vectors))
    put(postgres_engine, SPACE, placed(-vectors[:10], prefix="far", kind="article"))
    here = VectorsInPostgres(postgres_engine, SPACE)
    here.catch_up(None)
    here.settle()
    ids = ids_of(postgres_engine)
    far = {ids[f"far{row}"] for row in range(0, 10, 2)}
    assert set(found(here, vectors[0], 5, {Shelf("article"): 5})) == far


def test_many_passages_of_few_documents_leave_no_place_empty(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, hashing: CountingEmbedder
) -> None:
    monkeypatch.setattr(pgvector, "DOCUMENTS_A_STEP", 0)
    long = "\n\n".join(f"pool {'pool ' * 60} {number}" for number in range(40))
    with transaction(postgres_engine) as session:
        put_documents(session, [TextDocument("article", "long", "pool", long)])
        put_documents(
            session,
            [TextDocument("article", f"a{each}", f"pool {each}", "pool disk") for each in range(5)],
        )
    encode_missing(postgres_engine, hashing, batch_size=64)
    here = VectorsInPostgres(postgres_engine, Space(hashing.model_id, hashing.dimensions))
    here.catch_up(None)
    vector = hashing.encode_questions(["pool"])[0]
    assert len(found(here, vector, 6, {Shelf("article"): 6})) == 6
    here.settle()


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "regroup"]),
        st.integers(0, 7),
        st.integers(0, 5),
        st.sampled_from([frozenset(), frozenset({"dba"}), frozenset({"dba", "net"})]),
    ),
    min_size=1,
    max_size=8,
)


@given(_STEPS)
@hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_whatever_is_put_removed_and_restricted_it_finds_what_numpy_finds(
    postgres_engine: Engine, steps: list[tuple[str, int, int, frozenset[str]]]
) -> None:
    directions = clustered(6, 6, 16, 3)
    here = VectorsInPostgres(postgres_engine, SPACE)
    keys = [f"k{number}" for number in range(8)]
    with transaction(postgres_engine) as session:
        remove_documents(session, "incident", keys)
    held: dict[str, tuple[Vectors, frozenset[str]]] = {}
    for what, number, direction, groups in steps:
        key, vector = keys[number], directions[direction]
        if what == "remove":
            with transaction(postgres_engine) as session:
                remove_documents(session, "incident", [key])
            held.pop(key, None)
        else:
            # A text keeps its vector for ever: where a document comes back, so does that.
            vector = held[key][0] if what == "regroup" and key in held else directions[number % 6]
            put(postgres_engine, SPACE, [Placed(key, vector, vector, groups=groups)])
            held[key] = (vector, groups)
            here.catch_up([ids_of(postgres_engine)[key]])
    ids = ids_of(postgres_engine)
    for shelf, readable in (
        (Shelf("incident"), frozenset()),
        (Shelf("incident", '["dba"]'), frozenset({"dba"})),
    ):
        expected = {
            ids[key]: float(vector @ directions[0])
            for key, (vector, groups) in held.items()
            if groups == readable
        }
        nearest = here.nearest(directions[0], 8, {shelf: 8})
        assert nearest == pytest.approx(expected, abs=1e-6)
        assert list(nearest.values()) == sorted(nearest.values(), reverse=True)


def test_what_is_removed_or_restricted_in_one_process_is_so_at_once_in_another(
    postgres_engine: Engine, second_engine: Engine
) -> None:
    vectors = clustered(7, 6, 16, 3)
    put(postgres_engine, SPACE, placed(vectors))
    here, there = (VectorsInPostgres(each, SPACE) for each in (postgres_engine, second_engine))
    here.catch_up(None)
    ids, everyone = ids_of(postgres_engine), {Shelf("incident"): 3}
    assert set(found(there, vectors[1], 3, everyone)) == set(ids.values())
    with transaction(postgres_engine) as session:
        remove_documents(session, "incident", ["d0"])
    assert set(found(there, vectors[1], 3, everyone)) == {ids["d2"], ids["d4"]}
    assert there.compare(vectors[1], vectors[1], [ids["d0"]]).passages == [None]
    put(postgres_engine, SPACE, [Placed("d2", vectors[2], vectors[3], groups=frozenset({"dba"}))])
    assert set(found(there, vectors[1], 3, everyone)) == {ids["d4"]}
    here.settle()


def test_processes_that_catch_up_at_once_put_each_vector_once(
    postgres_engine: Engine, second_engine: Engine
) -> None:
    put(postgres_engine, SPACE, placed(clustered(8, 2_400, 16, 5)))
    tables = [EmbeddingTable(each, SPACE) for each in (postgres_engine, second_engine)]
    for each in (postgres_engine, second_engine):
        set_up(each)
    threads = [threading.Thread(target=each.catch_up, args=(None,)) for each in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tables[0].report().held == tables[1].report().stored == 2_400
    assert tables[0].catch_up(None) == 0


def test_a_vector_that_is_pruned_takes_its_row_along(postgres_engine: Engine) -> None:
    put(postgres_engine, SPACE, placed(clustered(9, 4, 16, 2)))
    set_up(postgres_engine)
    table = EmbeddingTable(postgres_engine, SPACE)
    assert table.catch_up(None) == 4
    with transaction(postgres_engine) as session:
        session.execute(delete(SearchVector))
    assert table.report().held == 0


def test_a_title_that_becomes_a_passage_is_searched_from_then_on(
    postgres_engine: Engine, hashing: CountingEmbedder
) -> None:
    space = Space(hashing.model_id, hashing.dimensions)
    here = VectorsInPostgres(postgres_engine, space)
    with transaction(postgres_engine) as session:
        put_documents(session, [TextDocument("incident", "1", "pool exhausted", "at noon")])
    encode_missing(postgres_engine, hashing, batch_size=8)
    here.catch_up(None)
    with transaction(postgres_engine) as session:
        put_documents(session, [TextDocument("incident", "2", "", "pool exhausted")])
    encode_missing(postgres_engine, hashing, batch_size=8)
    searched = text("SELECT count(*) FROM search_embedding WHERE searched")
    with reading(postgres_engine) as session:
        assert session.scalar(searched) == 1  # the passage of the first, not its title
    here.catch_up([ids_of(postgres_engine)["2"]])
    with reading(postgres_engine) as session:
        assert session.scalar(searched) == 2
    here.settle()


def test_spaces_of_different_length_stand_beside_each_other(postgres_engine: Engine) -> None:
    put(postgres_engine, SPACE, placed(clustered(10, 40, 16, 2)))
    wide = Space("wide", 48)
    put(postgres_engine, wide, placed(clustered(11, 40, 48, 2)))
    shelves = shelves_of(postgres_engine)
    for space in (SPACE, wide):
        here = VectorsInPostgres(postgres_engine, space)
        here.catch_up(None)
        here.settle()
        vector = unit(np.ones(space.dimensions, dtype=np.float32))
        exact = in_memory(postgres_engine, space)
        assert found(here, vector, 20, shelves) == found(exact, vector, 20, shelves)
        assert EmbeddingTable(postgres_engine, space).report().indexed


def test_an_index_that_was_not_finished_is_built_anew(postgres_engine: Engine) -> None:
    put(postgres_engine, SPACE, placed(clustered(12, 40, 16, 2)))
    set_up(postgres_engine)
    table = EmbeddingTable(postgres_engine, SPACE)
    table.catch_up(None)
    assert table.build_index()
    with transaction(postgres_engine) as session:
        session.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(:name)"),
            {"name": table.index_name},
        )
    assert not table.report().indexed
    assert table.build_index()
    assert table.report().indexed


def test_the_retriever_answers_the_same_on_it_as_in_memory(
    postgres_engine: Engine, second_engine: Engine, embedder: Embedder
) -> None:
    documents = [
        TextDocument("known_error", "KE-1", "Connection pool exhausted", "Raise max_connections."),
        TextDocument("incident", "INC-1", "Checkout 502", "Pool exhausted; restart helped."),
        TextDocument("article", "A-1", "Disk full on log host", "Rotate the logs, then df -h."),
        TextDocument("article", "A-2", "Secret", "Disk full, quietly.", frozenset({"dba"})),
    ]
    with transaction(postgres_engine) as session:
        put_documents(session, documents)
    encode_missing(postgres_engine, embedder, batch_size=8)
    memory = Retriever(postgres_engine, embedder)
    shared = [
        Retriever(each, embedder, vector_index="pgvector")
        for each in (postgres_engine, second_engine)
    ]
    for question in ("no free connections to the database", "no space left on device"):
        expected = memory.retrieve(question).hits
        assert expected
        for each in shared:
            for ours, theirs in zip(each.retrieve(question).hits, expected, strict=True):
                assert (ours.key, ours.passage) == (theirs.key, theirs.passage)
                assert ours.score == pytest.approx(theirs.score, abs=1e-4)
                assert ours.semantic == pytest.approx(theirs.semantic, abs=1e-5)
    with transaction(postgres_engine) as session:
        put_documents(session, [TextDocument("article", "A-3", "Volume", "A partition is full.")])
        remove_documents(session, "article", ["A-1"])
    encode_missing(postgres_engine, embedder, batch_size=8)
    for each in shared:
        assert each.retrieve("no space left on device").hits[0].key == "A-3"
        assert "A-1" not in {hit.key for hit in each.retrieve("disk is full").hits}


def test_on_sqlite_it_says_that_it_needs_postgresql(sqlite_engine: Engine) -> None:
    with pytest.raises(PgvectorMissingError, match="needs PostgreSQL") as raised:
        set_up(sqlite_engine)
    assert "OPSATLAS_DATABASE_URL" in str(raised.value.hint)


def test_whoever_may_not_set_it_up_is_told_what_an_administrator_must_do(
    postgres_engine: Engine, postgres_settings: Settings
) -> None:
    with postgres_engine.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS plain_user"))
        connection.execute(text("CREATE ROLE plain_user LOGIN"))
        connection.commit()
    url = postgres_engine.url.set(username="plain_user", password=None)
    plain = open_engine(
        postgres_settings.model_copy(
            update={"database_url": url.render_as_string(hide_password=False)}
        )
    )
    try:
        with pytest.raises(PgvectorMissingError, match="may not set up") as raised:
            set_up(plain)
        assert "CREATE EXTENSION vector" in str(raised.value.hint)
    finally:
        plain.dispose()
        with postgres_engine.connect() as connection:
            connection.execute(text("DROP ROLE plain_user"))
            connection.commit()
