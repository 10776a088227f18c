"""`opsatlas sources`: the formats that can be loaded, and how their words become ours."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer
from rich.table import Table

from api.cli import terminal, uploads
from api.cli.client import connected
from api.cli.start import Json, begin

sources = typer.Typer(
    no_args_is_help=True, help="Systems that inventories come from: formats and mappings."
)

_MOST = 1000


@sources.command("list")
def list_(as_json: Json = False) -> None:
    """List the formats, and which of them go by a mapping."""
    with connected(begin()) as client:
        page = client.get("/formats", {"limit": _MOST})
    if as_json:
        terminal.print_json(page)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Format")
    table.add_column("Mapping", overflow="fold")
    for row in page["results"]:
        shown = f"opsatlas sources show {row['name']}" if row["has_mapping"] else "-"
        if row["broken"] is not None:
            shown = f"cannot be used: {row['broken']}"
        table.add_row(terminal.plain(row["name"]), terminal.plain(shown))
    terminal.stdout.print(table)


@sources.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A format, or a source with a mapping.")
    ],
    as_json: Json = False,
) -> None:
    """Print the mapping of a format, or of a source with your changes in it, as TOML."""
    with connected(begin()) as client:
        found = client.get(f"/formats/{quote(name, safe='')}")
    if as_json:
        terminal.print_json(found)
    elif found["mapping"]:
        terminal.print_as_it_is(found["mapping"])
    else:
        terminal.note(f"{found['format']} goes by no mapping")


@sources.command("map")
def map_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A table; - is standard input.")],
    as_json: Json = False,
) -> None:
    """Print a mapping for a spreadsheet of yours, to be looked through and kept."""
    settings = begin()
    read = uploads.files_of([file])
    with connected(settings) as client:
        found = client.send("POST", "/formats/proposal", files=read).json()
    if as_json:
        terminal.print_json(found)
    else:
        terminal.print_as_it_is(found["mapping"])
