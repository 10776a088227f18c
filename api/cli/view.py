"""`opsatlas view`: everything that a service stands on, or that stands on a CI."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import FORMS, moment
from api.cli.references import find_ci
from api.cli.start import Json, begin


class Direction(StrEnum):
    PROVIDERS = "providers"
    DEPENDENTS = "dependents"


class Format(StrEnum):
    TREE = "tree"
    JSON = "json"
    GRAPHML = "graphml"
    DOT = "dot"
    MERMAID = "mermaid"


def view(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A CI, by its name or id.")],
    direction: Annotated[
        Direction, typer.Option(help="What it stands on, or what stands on it.")
    ] = Direction.PROVIDERS,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Only what is so many relationships away.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TREE,
    fold: Annotated[
        int, typer.Option(min=0, max=1000, help="Fold more CIs of one class than that.")
    ] = 10,
    no_fold: Annotated[bool, typer.Option("--no-fold", help="Show every CI.")] = False,
    max_nodes: Annotated[
        int | None, typer.Option(min=1, help="Most CIs, the nearest first.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help=f"As it was at a past moment: {FORMS}.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show everything that a service stands on, or all that stands on a CI."""
    settings = begin()
    if as_json and form not in (Format.TREE, Format.JSON):
        raise UsageError(f"--json and --format {form} are two formats", hint="say one of them")
    wanted = Format.JSON if as_json else form
    asked: dict[str, Any] = {
        "direction": direction.value,
        "format": wanted.value,
        "fold": 0 if no_fold else fold,
    }
    then = None if as_of is None else moment(as_of, "--as-of")
    chosen = {"depth": depth, "max_nodes": max_nodes, "as_of": then}
    asked |= {option: value for option, value in chosen.items() if value is not None}
    with connected(settings) as client:
        path = f"/cis/{find_ci(client, name, then)['id']}/view"
        if wanted == Format.JSON:
            terminal.print_json(client.get(path, asked))
            return
        drawn = client.send("GET", path, params=asked)
    if wanted == Format.TREE:
        terminal.print_as_it_is(drawn.text)
    else:
        terminal.print_bytes(drawn.content)
