"""`opsatlas backup` and `opsatlas restore`: one file that holds a whole installation.

The file is an SQLite database: a copy of ours, and one table more, `opsatlas_backup` (`name`,
`value`), with when and by which version it was made, and the pepper of the API keys, without
which no key of the copy could be checked. So it is as secret as the data folder itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli import terminal
from api.cli.failures import UsageError
from api.cli.start import Json, begin, on_local_database
from opsatlas.settings import Settings

Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the backup.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy the whole database into one file, while it is used; the keys' pepper goes with it."""
    from api.cli import backup_file

    settings = on_local_database(begin(), "backup")
    database = _sqlite_file(settings, f"pg_dump --format=custom --file={file}")
    if not database.exists():
        raise UsageError(f"there is no database at {database} yet")
    _check_target(file, database, force=force)
    made = backup_file.write(database, file, _pepper_of(settings))
    if as_json:
        terminal.print_json(made)
    else:
        terminal.stdout.print(f"{made['bytes'] / 1e6:,.1f} MB, schema {made['schema']}: {file}")
        secret = "with" if made["key_pepper"] else "without"
        terminal.note(f"{secret} the pepper of the API keys; keep the file as secret as the data")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` wrote.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the database, once it has been checked from end to end."""
    from api.cli import backup_file

    settings = on_local_database(begin(), "restore")
    database = _sqlite_file(settings, f"pg_restore --clean --if-exists {file} --dbname")
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if database.exists() and not force:
        raise UsageError(f"{database} is there already", hint="--force replaces it")
    if database.exists() and database.samefile(file):
        raise UsageError("a database cannot be restored from itself")
    found = backup_file.check(file)
    replaces_pepper = not settings.key_pepper.get_secret_value()
    backup_file.put_back(file, database, _pepper_file(settings) if replaces_pepper else None)
    if as_json:
        terminal.print_json(found | {"database": str(database)})
        return
    made = found["created_at"] or "unknown date"
    terminal.stdout.print(terminal.plain(f"{database} is the backup of {made}"))
    if not found["key_pepper"] or not replaces_pepper:
        terminal.note("API keys work only where OPSATLAS_KEY_PEPPER is what it was back then")


def _sqlite_file(settings: Settings, postgresql_command: str) -> Path:
    """The database's file. Raises UsageError, with what to run instead, where it is PostgreSQL."""
    from api.cli.client import unusable_told
    from opsatlas.db.engine import open_engine

    with unusable_told(settings):
        engine = open_engine(settings)
    engine.dispose()
    url = engine.url
    if url.get_backend_name() == "postgresql":
        # Without the password, which PGPASSWORD or ~/.pgpass are for.
        plain = url.set(drivername="postgresql").render_as_string().replace(":***@", "@")
        raise UsageError(
            "this copies SQLite files; PostgreSQL has its own tools",
            hint=f"{postgresql_command} {plain}; and copy {_pepper_file(settings)}",
        )
    return Path(url.database or "")


def _check_target(file: Path, database: Path, *, force: bool) -> None:
    if file.is_dir():
        raise UsageError(f"{file} is a folder", hint="name the file to write")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {file.absolute().parent}")
    if file.exists() and file.samefile(database):
        raise UsageError("a backup cannot replace the database itself")
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", hint="--force replaces it")


def _pepper_file(settings: Settings) -> Path:
    return settings.data_dir / "key-pepper"


def _pepper_of(settings: Settings) -> str | None:
    """The pepper that is kept in a file; one that is a setting is kept by whoever set it."""
    if settings.key_pepper.get_secret_value():
        return None
    try:
        return _pepper_file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
