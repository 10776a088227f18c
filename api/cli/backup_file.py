"""The backup file itself: written, checked, put in the place of a database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api.cli import progress
from api.cli.failures import InterruptedByUserError, UsageError
from opsatlas import __version__
from opsatlas.clock import now, rfc3339
from opsatlas.db import migrate
from opsatlas.errors import ConflictError

_PAGES = 2_000
_OURS = frozenset({"alembic_version", "configuration_item", "incident", "api_key"})
_OWNER_ONLY = 0o600


class DatabaseInUseError(ConflictError):
    """Another process has the database open that is to be replaced."""

    code = "database_in_use"


def write(database: Path, file: Path, pepper: str | None) -> dict[str, Any]:
    """Copy `database` as it is at this moment into `file`, which appears once it is whole."""
    with _beside(file) as partial:
        with closing(_open(database)) as source, closing(_open(partial)) as copy:
            _copy(source, copy)
            facts = {"created_at": rfc3339(now()), "version": __version__}
            if pepper is not None:
                facts["key_pepper"] = pepper
            copy.execute("CREATE TABLE opsatlas_backup (name TEXT PRIMARY KEY, value TEXT)")
            copy.executemany("INSERT INTO opsatlas_backup VALUES (?, ?)", facts.items())
            schema = _schema(copy)
        _replace(partial, file)
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "schema": schema,
        "created_at": facts["created_at"],
        "key_pepper": pepper is not None,
    }


def check(file: Path) -> dict[str, Any]:
    """What a backup is of. Raises UsageError where it is damaged, or no database of ours."""
    try:
        with closing(_open(file, read_only=True)) as backup:
            tables = _tables(backup)
            if not tables >= _OURS:
                raise UsageError(f"{file} is a database, but none of OpsAtlas")
            verdict = backup.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise UsageError(f"{file} is damaged: {verdict}")
            schema = _schema(backup)
            facts = _facts(backup)
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{file} is no backup of ours: {error}") from error
    if schema not in migrate.schemas():
        raise UsageError(
            f"{file} is at schema {schema}, which this program does not know",
            hint="restore it with the version that made it, or a newer one",
        )
    return {
        "file": str(file),
        "schema": schema,
        "created_at": facts.get("created_at"),
        "version": facts.get("version"),
        "key_pepper": "key_pepper" in facts,
    }


def put_back(file: Path, database: Path, pepper_file: Path | None) -> None:
    """Put a checked backup in the place of `database`, and its pepper into `pepper_file`.

    Nobody sees half of it: the file is whole before it takes the place. Raises DatabaseInUseError.
    """
    with _beside(database) as partial:
        with closing(_open(file, read_only=True)) as source, closing(_open(partial)) as copy:
            _copy(source, copy)
            pepper = _facts(copy).get("key_pepper")
            copy.execute("PRAGMA secure_delete = ON")  # no pepper stays behind in a free page
            copy.execute("DROP TABLE IF EXISTS opsatlas_backup")
        with _held_alone(database):
            _replace(partial, database)
    if pepper is not None and pepper_file is not None:
        with _beside(pepper_file) as partial:
            partial.write_text(pepper, encoding="ascii")
            _replace(partial, pepper_file)


def _open(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    mode = "?mode=ro&immutable=1" if read_only else ""
    connection = sqlite3.connect(
        f"file:{quote(str(file.absolute()))}{mode}", uri=True, isolation_level=None, timeout=30
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """All pages of one moment: the open read keeps writers from moving them under the copy."""
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with progress.shown("copying", "pages") as report:
        try:
            source.backup(
                copy, pages=_PAGES, progress=lambda _, left, all_: report(all_ - left, all_)
            )
        except KeyboardInterrupt:
            raise InterruptedByUserError("interrupted; no file was written") from None
    source.execute("ROLLBACK")
    # One file: no journal of its own beside it.
    copy.execute("PRAGMA journal_mode = DELETE")


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {row[0] for row in rows}


def _facts(connection: sqlite3.Connection) -> dict[str, str]:
    if "opsatlas_backup" not in _tables(connection):
        return {}
    return dict(connection.execute("SELECT name, value FROM opsatlas_backup"))


def _schema(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A file in the same folder that only we can read; gone at the end unless it took the place."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    except OSError as error:
        raise UsageError(f"cannot write into {file.absolute().parent}: {error.strerror}") from error
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _held_alone(database: Path) -> Iterator[None]:
    """Keep others from `database`, whose journal is taken into it. Raises DatabaseInUseError."""
    if not database.exists():
        yield
        return
    with closing(sqlite3.connect(database, isolation_level=None, timeout=1)) as old:
        try:
            # Only who has it open alone may leave the WAL mode; this also empties the journal.
            mode = old.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            old.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise _in_use(database) from error
        except sqlite3.DatabaseError:
            mode = "delete"  # it is broken, which may be why it is to be replaced
        if mode != "delete":
            raise _in_use(database)
        for suffix in ("-wal", "-shm"):  # of a broken one; they must not be read into the new
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        yield


def _in_use(database: Path) -> DatabaseInUseError:
    return DatabaseInUseError(f"{database} is in use", hint="stop the server and try again")


def _replace(partial: Path, file: Path) -> None:
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(file)
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
