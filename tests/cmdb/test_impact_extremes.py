"""Graphs that no company has, and rows that no importer writes: an answer, never a hang."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import Engine

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.graph_delta import laid_out_anew
from cmdb.impact import State, analyse
from cmdb.snapshots import RELATIONSHIP, GraphCache
from cmdb.walks import Walk
from opsatlas import revision
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.builders import STRATEGIES, graph
from tests.cmdb.rows import put_ci, put_relationship

NO_GROUPS = GroupColumns.from_rows([])


def required(dependents: np.ndarray, providers: np.ndarray, size: int) -> GraphSnapshot:
    """CIs 1 to `size` with required relationships."""
    count = len(dependents)
    columns = RelationshipColumns(
        np.arange(1, count + 1),
        dependents,
        providers,
        np.zeros(count, np.bool_),
        np.full(count, -1),
    )
    return GraphSnapshot.build(np.arange(1, size + 1), [columns], NO_GROUPS, revision=1)


def test_a_chain_of_a_million_is_walked_to_its_end() -> None:
    size = 1_000_000
    chain = required(np.arange(2, size + 1), np.arange(1, size), size)
    result = analyse(chain, [1])
    assert result.counts()[State.DOWN] == size - 1
    assert int(result.reached.distance.max()) == size - 1


@pytest.mark.parametrize("walk", STRATEGIES.values(), ids=STRATEGIES.keys())
def test_in_a_complete_graph_everything_is_one_relationship_away(walk: Walk) -> None:
    size = 700
    ends = np.array([(a, b) for a in range(1, size + 1) for b in range(1, size + 1)])
    result = analyse(required(ends[:, 0], ends[:, 1], size), [350], walk=walk)
    assert result.counts()[State.DOWN] == size - 1
    assert np.bincount(result.reached.distance).tolist() == [1, size - 1]


@pytest.mark.parametrize("failed", [10_000, 50_000], ids=["ten thousand", "all"])
def test_thousands_of_failures_at_once_and_all_of_them_are_answered(failed: int) -> None:
    size = 50_000
    random = np.random.default_rng(6)
    providers = random.integers(1, size + 1, 4 * size)
    snapshot = required(random.integers(1, size + 1, 4 * size), providers, size)
    result = analyse(snapshot, range(1, failed + 1))
    assert int(np.count_nonzero(result.reached.distance == 0)) == failed
    assert result.counts()[State.DOWN] == len(result.ids) - failed


def test_a_group_that_lost_all_its_members_says_nothing_any_more(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, a, b = (put_ci(session, name) for name in ("web", "a", "b"))
        links = [put_relationship(session, web, each, group="pair") for each in (a, b)]
    with reading(engine) as session:
        assert analyse(cache.current(session).snapshot, [a, b]).state_of(web) == State.DOWN
    with transaction(engine) as session:
        session.connection().exec_driver_sql("DELETE FROM relationship")  # the group stays
        revision.note(session, RELATIONSHIP, links)
    with reading(engine) as session:
        for kept in (cache, GraphCache()):
            snapshot = kept.current(session).snapshot
            assert analyse(snapshot, [a, b]).state_of(web) == State.OPERATIONAL


def test_a_row_written_by_hand_from_a_ci_to_itself_is_passed_over(sqlite_engine: Engine) -> None:
    cache = GraphCache()
    with transaction(sqlite_engine) as session:
        web, db = put_ci(session, "web"), put_ci(session, "db")
        link = put_relationship(session, web, db)
    with reading(sqlite_engine) as session:
        cache.current(session)
    with closing(sqlite3.connect(str(sqlite_engine.url.database))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE relationship SET provider_id = dependent_id")
        connection.commit()
    with transaction(sqlite_engine) as session:
        revision.note(session, RELATIONSHIP, [link])
    with reading(sqlite_engine) as session:
        for kept in (cache, GraphCache()):
            snapshot = kept.current(session).snapshot
            assert analyse(snapshot, [db]).ids.tolist() == [db]
            assert analyse(snapshot, [web]).ids.tolist() == [web]
            assert len(snapshot.edges().position) == 0


def test_laying_out_again_changes_no_answer() -> None:
    g = graph("web -> {a b}/1 -> db, shop -> web?, a -> b")
    again = laid_out_anew(g.snapshot)
    for ci in g.ids.values():
        one, other = analyse(g.snapshot, [ci]), analyse(again, [ci])
        assert [one.path(each) for each in one.ids.tolist()] == [
            other.path(each) for each in other.ids.tolist()
        ]
