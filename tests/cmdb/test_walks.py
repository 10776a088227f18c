"""A server walks by machine code once its graph is large, and goes on without where it cannot."""

import threading

import pytest
from sqlalchemy import Engine

from cmdb import walks
from cmdb.impact import analyse
from cmdb.snapshots import GraphCache
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.builders import graph
from tests.cmdb.rows import put_ci, put_relationship


@pytest.fixture(autouse=True)
def _nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "_made", [])


@pytest.mark.parametrize(("cis", "made"), [(2, True), (3, False)])
def test_the_compiled_walk_is_made_for_large_graphs_alone(
    sqlite_engine: Engine, cis: int, made: bool
) -> None:
    with transaction(sqlite_engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
        put_relationship(session, web, database)
    cache = GraphCache()
    cache.compile_from = cis
    with reading(sqlite_engine) as session:
        found = cache.current(session)
    for thread in threading.enumerate():
        if thread.name == "compiled walk":
            thread.join()
    assert (walks.compiled() is not None) == made
    assert analyse(found.snapshot, [database]).ids.tolist() == [web, database]


def test_without_numba_the_interpreted_walk_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> walks.Walk:
        raise ImportError("no numba here")

    monkeypatch.setattr(walks, "_walk", broken)
    walks.compile_walk()
    assert walks.compiled() is None
    assert graph("web -> db").fail("db").states == {"web": "down", "db": "down"}


def test_a_walk_that_runs_out_of_patience_leaves_nothing_behind() -> None:
    walks.compile_walk()
    walk = walks.compiled()
    assert walk is not None
    small = graph("a -> b -> c -> d, e -> {b c}/1, f -> d?")
    snapshot = small.snapshot
    every = analyse(snapshot, [small.ids["d"]]).reached
    for patience in range(4):
        assert walk(snapshot, [snapshot.index_of(small.ids["d"])], [], patience) is None
    again = walk(snapshot, [snapshot.index_of(small.ids["d"])], [], 100)
    assert again is not None
    assert again.index.tolist() == every.index.tolist()
    assert again.state.tolist() == every.state.tolist()
