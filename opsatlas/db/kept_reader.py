"""One database connection kept open for the small reads of one thread.

A unit of work of SQLAlchemy's costs some 300 microseconds however little it reads, the driver's own
call five. This is for the few reads that stand before every answer, by the thread of the event
loop, which must not wait: so only where a read needs no round trip to a server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, Select

_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement
_NEWEST = "SELECT newest FROM revision_counter"


class CannotReadNowError(Exception):
    """It would take longer, or it fails: the ordinary way will tell."""


class KeptReader:
    """Reads by one thread. Opens its connection at the first read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._texts: dict[Select[*tuple[Any, ...]], str] = {}
        self._connection: sqlite3.Connection | None = None
        self._proxied: PoolProxiedConnection | None = None

    @contextmanager
    def view(self) -> Iterator[int]:
        """One consistent view of the database, which gives its newest revision.

        Raises CannotReadNowError, as the reads in it do.
        """
        try:
            connection = self._open()
            connection.execute("BEGIN")
            try:
                yield self.newest()
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.close()
            raise CannotReadNowError from error

    def newest(self) -> int:
        """The newest revision. Raises CannotReadNowError."""
        try:
            row = self._open().execute(_NEWEST).fetchone()
        except sqlite3.Error as error:
            self.close()
            raise CannotReadNowError from error
        if row is None:
            raise CannotReadNowError
        return int(row[0])

    def rows(
        self, statement: Select[*tuple[Any, ...]], keys: Iterable[Any], key: str = "id"
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement on one table whose column `key` is among the keys."""
        wanted = list(keys)
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = str(statement.compile(self._engine))
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(some))
            yield from self._open().execute(f"{text} WHERE {key} IN ({marks})", some)

    def close(self) -> None:
        """Give the connection back; the next read opens another."""
        connection, self._connection, self._proxied = self._connection, None, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            proxied = self._engine.raw_connection()
            connection = proxied.driver_connection
            proxied.detach()
            self._proxied = proxied  # which would close it when nobody holds it any more
            assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - see kept_reader()
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA query_only = ON")
            self._connection = connection
        return self._connection


def kept_reader(engine: Engine) -> KeptReader | None:
    """A reader where reads need no round trip, on SQLite; None elsewhere."""
    return KeptReader(engine) if engine.dialect.name == "sqlite" else None
