"""Units of work, opened by whoever owns the request or the job; no domain package commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from opsatlas.clock import now
from opsatlas.db.engine import WRITES
from opsatlas.errors import UnavailableError

READING = "reading"
"""What `Session.info` says of one that has one view of the database and writes nothing."""
_MOMENT = "moment"
_FULL_SQLITE = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE"})
"""The second is what a quota or a limit of the file's size comes to."""
_FULL_POSTGRESQL = "53100"


class DatabaseBusyError(UnavailableError):
    """Another writer held the database for longer than the busy timeout."""

    code = "database_busy"


class DiskFullError(UnavailableError):
    """The database has no room to write; what was being written is undone."""

    code = "disk_full"


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that writes: committed at the end of the block, undone by an exception.

    On SQLite it holds the write lock from its start, so what it reads stays true until it writes.
    Raises DatabaseBusyError where the lock cannot be had within the busy timeout, and
    DiskFullError where there is no room.
    """
    with _session(engine.execution_options(**{WRITES: True})) as session, session.begin():
        session.connection()  # begin now, not at the first statement
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view of the database that writes nothing."""
    with _session(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        session.info[READING] = True
        yield session


def moment(session: Session) -> datetime:
    """The time of this unit of work: the same for all that it writes, so that history shows no
    half of it."""
    found: datetime = session.info.setdefault(_MOMENT, now())
    return found


@contextmanager
def _session(engine: Engine) -> Iterator[Session]:
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
    except OperationalError as error:
        if "database is locked" in str(error.orig):
            raise DatabaseBusyError(
                "another writer holds the database",
                hint="try again; OPSATLAS_SQLITE_BUSY_TIMEOUT sets how long to wait",
            ) from error
        if _is_full(error):
            place = (
                engine.url.database if engine.dialect.name == "sqlite" else "the database's server"
            )
            raise DiskFullError(
                f"the disk of {place} is full, or the file may not grow; nothing was written",
                hint="make room there and try again",
            ) from error
        raise


def _is_full(error: OperationalError) -> bool:
    """Whether SQLite or PostgreSQL say that they could not write for want of room."""
    name = getattr(error.orig, "sqlite_errorname", "")
    return name in _FULL_SQLITE or getattr(error.orig, "sqlstate", "") == _FULL_POSTGRESQL
