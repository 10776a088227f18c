"""`opsatlas precedence`: which source is believed, for each attribute."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from api.cli.tables import table

precedence = typer.Typer(no_args_is_help=True, help="Which source is believed where several speak.")


@precedence.command("show")
def show(as_json: Json = False) -> None:
    """Show the orders that are set."""
    with connected(begin()) as client:
        page = client.get("/precedence")
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        rows = ((each["attribute"], " > ".join(each["sources"])) for each in page["results"])
        terminal.stdout.print(table(("Attribute", "Most trusted first"), rows))
    else:
        terminal.stdout.print("No order is set: the source that was loaded first is believed.")


@precedence.command("set")
def set_(
    attribute: Annotated[
        str, typer.Argument(metavar="ATTRIBUTE", help="A field, attributes.NAME, or * for all.")
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE…", help="The most trusted first; none: no order any more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set the order of sources for one attribute, or for all (`*`)."""
    with connected(begin()) as client:
        place = f"/precedence/{quote(attribute, safe='*')}"
        made = client.send("PUT", place, json={"sources": sources or []}).json()
    if as_json:
        terminal.print_json(made)
    else:
        order = " > ".join(made["sources"]) or "no order"
        terminal.stdout.print(terminal.plain(f"{made['attribute']}: {order}"))
