"""What SQLite's planner knows of the data."""

from pathlib import Path

from sqlalchemy import Engine, text

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.statistics import refresh_statistics
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from tests.kb.builders import log_incident

_KNOWN = text("SELECT idx FROM sqlite_stat1 WHERE tbl = 'incident'")


def test_the_planner_learns_what_was_written(sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as session:
        log_incident(session)
    refresh_statistics(sqlite_engine)
    with reading(sqlite_engine) as session:
        assert "ix_incident_opened_at" in session.scalars(_KNOWN).all()


def test_postgresql_is_left_alone(postgres_engine: Engine) -> None:
    refresh_statistics(postgres_engine)


def test_a_busy_database_is_left_for_another_time(tmp_path: Path) -> None:
    engine = open_engine(Settings(_env_file=None, data_dir=tmp_path, sqlite_busy_timeout=0.1))
    migrate.upgrade(engine)
    with transaction(engine):
        refresh_statistics(engine)
    engine.dispose()
