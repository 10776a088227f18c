"""`opsatlas doctor`: every setting with its value and origin, and whether all is well."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.cli import terminal
from api.cli.failures import PROBLEMS, USAGE
from api.cli.start import Json
from opsatlas.errors import InvalidInputError
from opsatlas.field_docs import attribute_docs
from opsatlas.settings import Settings, load_settings

if TYPE_CHECKING:
    from api.cli.doctor_checks import Check

PREFIX = "OPSATLAS_"
_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
_HIDDEN = "(set, not shown)"


def doctor(
    model: Annotated[
        bool, typer.Option("--model", help="Load the embedding model too, and try it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the settings, and check what OpsAtlas needs. It changes nothing."""
    from api.cli import doctor_checks
    from opsatlas import logs

    logs.configure("error")
    settings = None
    try:
        settings = load_settings()
    except InvalidInputError as error:
        checks = doctor_checks.of_wrong_settings(error)
    else:
        checks = doctor_checks.of(settings, load_model=model)
    worst = max((check.status for check in checks), key=list(_STYLES).index)
    if as_json:
        listed = [check._asdict() for check in checks]
        terminal.print_json({"status": worst, "checks": listed, "settings": described(settings)})
    else:
        _show_settings(settings)
        _show_checks(checks)
    if settings is None:
        raise typer.Exit(USAGE)
    if worst == "error":
        raise typer.Exit(PROBLEMS)


def described(settings: Settings | None) -> list[dict[str, Any]]:
    """Every setting: variable, value, default, where it comes from, what it means.

    Where the settings cannot be read (None) the values are what the environment says.
    """
    rows = []
    means = attribute_docs(Settings)
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        given = next((key for key in os.environ if key.upper() == variable), None)
        default = field.get_default(call_default_factory=True)
        if settings is not None:
            value = getattr(settings, name)
            origin = "default" if name not in settings.model_fields_set else ".env"
        else:
            value, origin = (default if given is None else os.environ[given]), "default"
        rows.append(
            {
                "name": variable,
                "value": shown(name, value),
                "default": shown(name, default),
                "from": "environment" if given is not None else origin,
                "description": " ".join(means.get(name, "").split()),
            }
        )
    return rows


def shown(name: str, value: Any) -> Any:
    """A value as it may be seen: secrets not at all, addresses without their password."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(Settings.model_fields[name].default, SecretStr):
        return _HIDDEN if value else ""
    if name in ("database_url", "url") and "@" in str(value):
        scheme, _, rest = str(value).partition("://")
        user, _, place = rest.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}:***@{place}"
    return value if isinstance(value, bool | int | float | dict) else str(value)


def _show_settings(settings: Settings | None) -> None:
    for row in described(settings):
        line = Text(f"{row['name']} = ", style="bold")
        line.append_text(terminal.plain(str(row["value"]), "not bold"))
        if row["from"] != "default":
            line.append(f"  [{row['from']}]", style="not bold cyan")
        terminal.stdout.print(line)
        terminal.stdout.print(Padding(terminal.plain(row["description"], "dim"), (0, 0, 0, 4)))


def _show_checks(checks: Sequence[Check]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        told = terminal.plain(check.detail)
        if check.hint:
            told.append_text(terminal.plain(f"\n{check.hint}", "dim"))
        table.add_row(Text(check.status, style=_STYLES[check.status]), check.name, told)
    terminal.stdout.print()
    terminal.stdout.print(table)
