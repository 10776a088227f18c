"""`opsatlas keys`: API keys, who may ask and who may write."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli import terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from opsatlas.actor import Role
from opsatlas.clock import now, parse_rfc3339

keys = typer.Typer(no_args_is_help=True, help="API keys: who may ask, and who may write.")

_MOST = 1000


@keys.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    name: Annotated[str | None, typer.Option(help="Who or what uses it [the role].")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also read what this group may read. Repeatable."),
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until it ends; left out: never.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once and kept only as a hash."""
    wanted = {
        "role": role.value,
        "groups": group or [],
        "name": name or role.value,
        "expires_in_days": expires_in_days,
    }
    with connected(begin()) as client:
        made = client.post("/keys", wanted)
    if as_json:
        terminal.print_json(made)
        return
    # The key alone on standard output, so that a script can take it.
    terminal.note(f"key {made['id']} ({made['role']}), shown only now:")
    terminal.stdout.print(made["key"], soft_wrap=True)


@keys.command("list")
def list_(as_json: Json = False) -> None:
    """List the keys: role, name, last use, end. No key can be read from this."""
    with connected(begin()) as client:
        page = client.get("/keys", {"limit": _MOST})
    if as_json:
        terminal.print_json(page)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Id", "Role", "Groups", "Name", "State", "Created", "Last used", "Expires"):
        table.add_column(column, overflow="fold" if column == "Groups" else "ellipsis")
    for row in page["results"]:
        table.add_row(
            str(row["id"]),
            row["role"],
            _groups(row),
            terminal.plain(row["name"]),
            _state(row),
            *(_day(row[name]) for name in ("created_at", "last_used_at", "expires_at")),
        )
    terminal.stdout.print(table if page["results"] else "There is no key yet.")
    if page["next"]:
        terminal.note(f"… and {page['count'] - len(page['results'])} more")


@keys.command("revoke")
def revoke(
    key_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """End a key at once."""
    with connected(begin()) as client:
        client.send("DELETE", f"/keys/{key_id}")
        revoked = client.get(f"/keys/{key_id}") if as_json else None
    if as_json:
        terminal.print_json(revoked)
    else:
        terminal.stdout.print(f"Key {key_id} is revoked.")


def _groups(row: dict[str, Any]) -> str:
    return "all" if row["role"] == Role.ADMIN else ", ".join(row["groups"]) or "-"


def _state(row: dict[str, Any]) -> str:
    if row["revoked_at"]:
        return "revoked"
    return "expired" if row["expires_at"] and parse_rfc3339(row["expires_at"]) <= now() else "valid"


def _day(moment: str | None) -> str:
    return f"{parse_rfc3339(moment).astimezone(UTC):%Y-%m-%d}" if moment else "-"
