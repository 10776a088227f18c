"""The graph in memory follows the database: own writes at once, others' on the next look."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from cmdb import snapshots
from cmdb.impact import State, analyse
from cmdb.models import (
    CIClass,
    ConfigurationItem,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)
from cmdb.snapshots import CI, CI_CLASS, RELATIONSHIP, RELATIONSHIP_TYPE, GraphCache, build
from opsatlas import revision
from opsatlas.clock import now
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from tests.cmdb.rows import put_ci, put_relationship


def state(engine: Engine, cache: GraphCache, failed: int, asked: int) -> State:
    with reading(engine) as session:
        graph = cache.current(session)
    return analyse(graph.snapshot, [failed]).state_of(asked)


def test_the_graph_has_groups_kinds_and_services_as_the_database_has_them(engine: Engine) -> None:
    with transaction(engine) as session:
        shop = put_ci(session, "Shop", "business_service")
        one, two, three = (put_ci(session, f"web-{number}") for number in range(3))
        cache_ci = put_ci(session, "cache")
        for member in (one, two, three):
            put_relationship(session, shop, member, group="web", min_up=60, percent=True)
        put_relationship(session, one, cache_ci, dependency="optional")
    with reading(engine) as session:
        graph = build(session)
    assert graph.service_ids.tolist() == [shop]
    assert analyse(graph.snapshot, [one]).state_of(shop) == State.AT_RISK
    assert analyse(graph.snapshot, [one, two]).state_of(shop) == State.DOWN
    assert analyse(graph.snapshot, [cache_ci]).state_of(one) == State.DEGRADED


def test_failure_does_not_travel_along_types_that_carry_none(engine: Engine) -> None:
    with transaction(engine) as session:
        server, wiki = put_ci(session, "server"), put_ci(session, "wiki")
        put_relationship(session, server, wiki, type_="documents")
    cache = GraphCache()
    assert state(engine, cache, wiki, server) == State.OPERATIONAL
    with transaction(engine) as session:
        carries = update(RelationshipType).where(RelationshipType.name == "documents")
        session.execute(carries.values(failure_direction="provider_to_dependent"))
        revision.note(session, RELATIONSHIP_TYPE, [1])
    assert state(engine, cache, wiki, server) == State.DOWN


def test_a_write_is_seen_by_the_next_question(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
    assert state(engine, cache, database, web) == State.OPERATIONAL
    with transaction(engine) as session:
        link = put_relationship(session, web, database)
    assert state(engine, cache, database, web) == State.DOWN
    with transaction(engine) as session:
        session.execute(delete(Relationship).where(Relationship.id == link))
        revision.note(session, RELATIONSHIP, [link])
    assert state(engine, cache, database, web) == State.OPERATIONAL


def test_another_process_sees_it_too(settings: Settings, sqlite_engine: Engine) -> None:
    other, cache = open_engine(settings), GraphCache()
    with transaction(sqlite_engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
    assert state(other, cache, database, web) == State.OPERATIONAL
    with transaction(sqlite_engine) as session:
        put_relationship(session, web, database)
    assert state(other, cache, database, web) == State.DOWN
    other.dispose()


def test_a_new_owner_does_not_rebuild_the_graph_but_moves_its_revision(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web = put_ci(session, "web")
    with reading(engine) as session:
        before = cache.current(session)
    with transaction(engine) as session:
        session.execute(update(ConfigurationItem).values(owner="Web team"))
        newest = revision.note(session, CI, [web])
    with reading(engine) as session:
        after = cache.current(session)
    assert after.snapshot is before.snapshot
    assert after.revision == newest > before.revision


def test_retiring_a_ci_takes_it_out_and_reactivating_puts_it_back(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, proxy, database = (put_ci(session, name) for name in ("web", "proxy", "db"))
        put_relationship(session, web, proxy)
        put_relationship(session, proxy, database)
    assert state(engine, cache, database, web) == State.DOWN
    for status, expected in (("retired", State.OPERATIONAL), ("active", State.DOWN)):
        with transaction(engine) as session:
            row = update(ConfigurationItem).where(ConfigurationItem.id == proxy)
            session.execute(row.values(status=status))
            revision.note(session, CI, [proxy])
        assert state(engine, cache, database, web) == expected


def test_a_ci_that_becomes_a_service_is_one_in_the_next_answer(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web = put_ci(session, "web")
    with reading(engine) as session:
        assert cache.current(session).service_ids.tolist() == []
    with transaction(engine) as session:
        session.execute(update(ConfigurationItem).values(ci_class="technical_service"))
        revision.note(session, CI, [web])
    with reading(engine) as session:
        assert cache.current(session).service_ids.tolist() == [web]
    with transaction(engine) as session:
        session.execute(update(CIClass).values(is_service=False))
        revision.note(session, CI_CLASS, [1])
    with reading(engine) as session:
        assert cache.current(session).service_ids.tolist() == []


def test_many_readers_during_many_writes_always_see_a_whole_graph(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        database = put_ci(session, "db")
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            with reading(engine) as session:
                graph = cache.current(session)
                count = revision.newest(session)
            down = len(analyse(graph.snapshot, [database]).ids)
            # Each write adds a CI and its relationship, two revisions in one transaction.
            if graph.revision != count or down != 1 + (graph.revision - 1) // 2:
                wrong.append((graph.revision, count, down))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(25):
        with transaction(engine) as session:
            put_relationship(session, put_ci(session, f"web-{number}"), database)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_a_reader_that_began_before_a_write_gets_the_graph_of_then_and_reads_nothing_anew(
    engine: Engine,
) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
    assert state(engine, cache, database, web) == State.OPERATIONAL
    with reading(engine) as early:
        revision.newest(early)
        with transaction(engine) as session:
            put_relationship(session, web, database)
        assert state(engine, cache, database, web) == State.DOWN
        with no_builds():
            then = cache.current(early)
            assert analyse(then.snapshot, [database]).state_of(web) == State.OPERATIONAL
            assert state(engine, cache, database, web) == State.DOWN


def test_a_change_of_relationships_and_cis_is_brought_in_without_reading_all(
    engine: Engine,
) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
    assert state(engine, cache, database, web) == State.OPERATIONAL
    with no_builds():
        with transaction(engine) as session:
            spare = put_ci(session, "db-2", "technical_service")
            links = [
                put_relationship(session, web, each, group="dbs") for each in (database, spare)
            ]
        assert state(engine, cache, database, web) == State.AT_RISK
        with transaction(engine) as session:
            session.execute(update(RedundancyGroup).values(min_up=2))
            revision.note(session, RELATIONSHIP, links[:1])
        assert state(engine, cache, spare, web) == State.DOWN
        with transaction(engine) as session:
            session.execute(update(Relationship).values(group_id=None, dependency="optional"))
            revision.note(session, RELATIONSHIP, links)
        assert state(engine, cache, spare, web) == State.DEGRADED
        with transaction(engine) as session:
            session.execute(delete(Relationship).where(Relationship.provider_id == spare))
            session.execute(delete(ConfigurationItem).where(ConfigurationItem.id == spare))
            revision.note(session, CI, [spare])
            revision.note(session, RELATIONSHIP, links[1:])
        assert state(engine, cache, database, web) == State.DEGRADED
    with reading(engine) as session:
        assert not cache.current(session).snapshot.has(spare)


def test_what_is_not_committed_is_seen_by_its_writer_alone(engine: Engine) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
    assert state(engine, cache, database, web) == State.OPERATIONAL
    with suppress(ZeroDivisionError), transaction(engine) as session:
        put_relationship(session, web, database)
        graph = cache.current(session)
        assert analyse(graph.snapshot, [database]).state_of(web) == State.DOWN
        raise ZeroDivisionError
    with transaction(engine) as session:
        put_ci(session, "other")  # takes the revision that was given back
    assert state(engine, cache, database, web) == State.OPERATIONAL


def test_thousands_of_relationships_at_once_are_brought_in_without_reading_all(
    engine: Engine,
) -> None:
    cache = GraphCache()
    with transaction(engine) as session:
        web, database = put_ci(session, "web"), put_ci(session, "db")
        proxies = [put_ci(session, f"proxy-{number}") for number in range(1200)]
    assert state(engine, cache, database, web) == State.OPERATIONAL
    with transaction(engine) as session:
        ends = [(each, database) for each in proxies] + [(web, each) for each in proxies]
        rows = [
            {"dependent_id": a, "provider_id": b, "type": "depends_on", "dependency": "required",
             "version": 1, "created_at": now(), "updated_at": now()}
            for a, b in ends
        ]  # fmt: skip
        session.execute(insert(Relationship), rows)
        links = session.scalars(select(Relationship.id)).all()
        revision.note(session, RELATIONSHIP, links, most=revision.NAMED_IN_A_LOAD)
    with no_builds(), reading(engine) as session:
        found = analyse(cache.current(session).snapshot, [database])
    assert len(found.ids) == 1202
    assert found.reached.distance.tolist() == [2, 0, *[1] * 1200]


def test_a_worn_graph_is_laid_out_again_in_the_background_and_misses_nothing(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "COMPACT_AT", 3)
    cache = GraphCache()
    with transaction(sqlite_engine) as session:
        database = put_ci(session, "db")
    last = database
    for number in range(30):
        with transaction(sqlite_engine) as session:
            last, before = put_ci(session, f"web-{number}"), last
            put_relationship(session, last, before)
        assert state(sqlite_engine, cache, database, last) == State.DOWN
    cache.wait()
    assert state(sqlite_engine, cache, database, last) == State.DOWN
    with reading(sqlite_engine) as session:
        assert len(cache.current(session).snapshot.moved) < 30


@contextmanager
def no_builds() -> Iterator[None]:
    """Fails where the whole graph is read from SQL."""

    def refuse(_session: object) -> None:
        raise AssertionError("the graph is read anew")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "build", refuse)
        yield
