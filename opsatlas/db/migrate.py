"""Bring a database to the newest schema; the same migrations run on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, MetaData, inspect, text

from opsatlas.db.engine import WRITES
from opsatlas.db.model import Model
from opsatlas.errors import UnavailableError

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x0B5A71A5  # any number of ours: the advisory lock that keeps two upgrades apart


class SchemaMismatchError(UnavailableError):
    """The database is at another schema than this program."""

    code = "schema_mismatch"


def newest_schema() -> str:
    """The schema revision that this program needs."""
    return schemas()[-1]


def schemas() -> list[str]:
    """Every schema revision there ever was, in order: what the migrations' files begin with.

    Alembic would take a fifth of a second to import to say the same.
    """
    files = (_FOLDER / "versions").glob("[0-9]*.py")
    return sorted(each.name.partition("_")[0] for each in files)


def current_schema(engine: Engine) -> str | None:
    """The schema revision of the database; None where it is empty."""
    with engine.connect() as connection:
        return _schema_of(connection)


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Run the missing migrations in one transaction; returns the schema before and after."""
    writing = engine.execution_options(**{WRITES: True})
    with writing.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = _schema_of(connection)
        if before != newest_schema():
            from alembic import command

            command.upgrade(_config(connection, Model.metadata), "head")
        return before, newest_schema()


def require_newest(engine: Engine) -> None:
    """Raise SchemaMismatchError where the database is not at the newest schema."""
    found = current_schema(engine)
    if found != newest_schema():
        state = "is empty" if found is None else f"is at schema {found}, not {newest_schema()}"
        raise SchemaMismatchError(f"the database {state}", hint="run `opsatlas db upgrade`")


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    """What a migration would still have to change so that the database equals `metadata`."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))


def write_migration(engine: Engine, metadata: MetaData, message: str, revision: str) -> None:
    """Write a new migration file from the difference between the database and `metadata`."""
    from alembic import command

    with engine.begin() as connection:
        command.revision(
            _config(connection, metadata), message=message, rev_id=revision, autogenerate=True
        )


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection, metadata: MetaData) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config
