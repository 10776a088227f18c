"""What every command begins with: its settings, and where its log lines go."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.failures import UsageError
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings, load_settings

Json = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document, in the shape of the API's.")
]


def begin() -> Settings:
    """The settings, with logging as a command wants it: warnings, unless the level is set.

    Raises UsageError naming the setting that is wrong.
    """
    from opsatlas import logs

    settings = read_settings()
    logs.configure(settings.log_level if "log_level" in settings.model_fields_set else "warning")
    return settings


def read_settings() -> Settings:
    """The settings; raises UsageError naming the one that is wrong."""
    try:
        return load_settings()
    except InvalidInputError as error:
        raise UsageError(error.detail, hint="`opsatlas doctor` explains every setting") from error


def import_application() -> None:
    """Import what answers questions. It makes a million objects, which all stay: looking through
    them again and again, and once more at the end, would take a third of a command's time."""
    from opsatlas.collector import patient_collector, spare_what_lives

    with patient_collector():
        import api.app  # noqa: F401
    spare_what_lives()


def on_local_database(settings: Settings, command: str) -> Settings:
    """`settings`, for a command that works on the database itself. Raises UsageError."""
    if settings.url:
        raise UsageError(
            f"`opsatlas {command}` works on the database, not through a server",
            hint="run it where the database is, with OPSATLAS_URL unset",
        )
    return settings
