"""Units of work, migrations and column types, on SQLite and on a real PostgreSQL."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select, text, update

from opsatlas import audit
from opsatlas.actor import SYSTEM, Actor, Role
from opsatlas.audit import AuditEntry, Write
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import DatabaseBusyError, reading, transaction
from opsatlas.errors import InvalidInputError
from opsatlas.revision import RevisionCounter
from opsatlas.settings import Settings
from tests.models import METADATA


def test_migrations_lead_to_exactly_what_the_models_say(engine: Engine) -> None:
    assert migrate.differences(engine, METADATA) == []


def test_an_empty_postgresql_is_brought_to_exactly_what_the_models_say(
    postgres_settings: Settings,
) -> None:
    engine = open_engine(postgres_settings)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    assert migrate.upgrade(engine) == (None, migrate.newest_schema())
    assert migrate.differences(engine, METADATA) == []
    engine.dispose()


def test_upgrading_a_database_that_is_up_to_date_changes_nothing(engine: Engine) -> None:
    assert migrate.upgrade(engine) == (migrate.newest_schema(), migrate.newest_schema())


def test_an_empty_database_is_refused_with_the_remedy(settings: Settings) -> None:
    engine = open_engine(settings)
    with pytest.raises(migrate.SchemaMismatchError, match="opsatlas db upgrade"):
        migrate.require_newest(engine)
    migrate.upgrade(engine)
    migrate.require_newest(engine)


def test_two_processes_may_upgrade_at_once(settings: Settings) -> None:
    engines = [open_engine(settings) for _ in range(2)]
    threads = [threading.Thread(target=migrate.upgrade, args=(each,)) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert migrate.current_schema(engines[0]) == migrate.newest_schema()


def test_a_unit_of_work_that_raises_writes_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        audit.record(session, SYSTEM, [Write("create", "ci", 1, None, {"name": "a"})])
        raise ZeroDivisionError
    with reading(engine) as session:
        assert session.scalars(select(AuditEntry)).all() == []


def test_a_reader_sees_one_state_although_a_writer_commits_meanwhile(engine: Engine) -> None:
    count = select(RevisionCounter.newest)
    with reading(engine) as reader:
        before = reader.scalar(count)
        with transaction(engine) as writer:
            writer.execute(update(RevisionCounter).values(newest=41))
        assert reader.execute(count).scalar() == before
    with reading(engine) as reader:
        assert reader.scalar(count) == 41


def test_what_a_writer_read_stays_true_until_it_writes(engine: Engine) -> None:
    def increment() -> None:
        for _ in range(20):
            with transaction(engine) as session:
                found = session.execute(select(RevisionCounter).with_for_update()).scalar_one()
                found.newest += 1

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert session.scalar(select(RevisionCounter.newest)) == 80


def test_a_writer_that_waits_too_long_says_so_with_the_remedy(tmp_path: Path) -> None:
    engine = open_engine(Settings(_env_file=None, data_dir=tmp_path, sqlite_busy_timeout=0.1))
    migrate.upgrade(engine)
    with transaction(engine), pytest.raises(DatabaseBusyError, match="SQLITE_BUSY_TIMEOUT"):
        with transaction(engine):
            pass


def test_sqlite_promises_foreign_keys_and_wal(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_times_come_back_aware_and_in_utc(engine: Engine) -> None:
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    with transaction(engine) as session:
        entry = AuditEntry(
            at=moment, actor="a", role="admin", action="x", entity="y", entity_id="1"
        )
        session.add(entry)
    with reading(engine) as session:
        found = session.scalars(select(AuditEntry.at)).one()
    assert found == moment
    assert found.tzinfo == UTC


def test_the_audit_trail_says_who_wrote_what_for_which_request(engine: Engine) -> None:
    before, after = audit.difference({"name": "a", "owner": "x"}, {"name": "b", "owner": "x"})
    with transaction(engine) as session:
        actor = Actor("importer", Role.ADMIN, "req-1")
        audit.record(session, actor, [Write("update", "ci", 5, before, after)])
    with reading(engine) as session:
        entry = session.scalars(select(AuditEntry)).one()
    assert (entry.actor, entry.role, entry.request_id) == ("importer", "admin", "req-1")
    assert (entry.before, entry.after) == ({"name": "a"}, {"name": "b"})


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "://"])
def test_a_wrong_database_url_is_refused_with_an_example(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"sqlite"):
        open_engine(Settings(_env_file=None, data_dir=tmp_path, database_url=url))


def test_the_newest_schema_is_alembics_head() -> None:
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert scripts.get_heads() == [migrate.newest_schema()]
    assert [each.revision for each in scripts.walk_revisions()][::-1] == migrate.schemas()
