"""Open the database that the settings name, SQLite or PostgreSQL, with the same promises."""

import json
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings

WRITES = "opsatlas_writes"
"""Execution option of a connection that is going to write: it takes the write lock at BEGIN."""
TIDIES_UP = "opsatlas_tidies_up"
"""Execution option of a connection that writes how another unit of work ended. Who interrupts the
process lets it through."""


def open_engine(settings: Settings) -> Engine:
    """An engine for `settings.resolved_database_url`; makes the data folder where it is missing.

    Raises InvalidInputError for a URL of another database, or none at all.
    """
    url = _checked_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            json_serializer=_to_json,
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_pool_size,
        )
        _prepare_sqlite(engine, settings.sqlite_busy_timeout)
        return engine
    return create_engine(
        url,
        json_serializer=_to_json,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_pre_ping=True,
    )


_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Made once: `json.dumps` would make an encoder for every value."""


def _checked_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidInputError(
            "OPSATLAS_DATABASE_URL is not a database URL",
            hint="for example sqlite:///opsatlas.db or postgresql://user@host/name",
        ) from error
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    raise InvalidInputError(
        f"OPSATLAS_DATABASE_URL names the database {backend!r}",
        hint="supported are sqlite and postgresql",
    )


def _prepare_sqlite(engine: Engine, busy_timeout: float) -> None:
    """WAL, foreign keys, a busy timeout, and transactions that begin when we say so.

    Python's sqlite3 would begin a transaction only at the first write, so that two writers that
    read first could both hold a read lock and neither could upgrade it. We begin ourselves, and
    a transaction that will write begins IMMEDIATE: it waits its turn before it reads.
    """

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
