"""Units of work, opened by whoever owns the request or the job; no domain package commits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from opsatlas.db.engine import WRITES
from opsatlas.errors import UnavailableError


class DatabaseBusyError(UnavailableError):
    """Another writer held the database for longer than the busy timeout."""

    code = "database_busy"


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that writes: committed at the end of the block, undone by an exception.

    On SQLite it holds the write lock from its start, so what it reads stays true until it writes.
    Raises DatabaseBusyError where the lock cannot be had within the busy timeout.
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
        yield session


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
        raise
