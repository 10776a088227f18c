"""`opsatlas identification`: by what CIs of each class are recognised."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from api.cli.tables import table

identification = typer.Typer(
    no_args_is_help=True, help="By what a record that no key names is recognised."
)

_MOST = 1000


@identification.command("show")
def show(
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the shipped file instead, to begin with.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show by which identifiers CIs of each class are recognised, the surest first."""
    if toml and not as_json:
        from cmdb.identification import shipped_text

        terminal.print_as_it_is(shipped_text())
        return
    with connected(begin()) as client:
        page = client.get("/identification", {"limit": _MOST})
    if as_json:
        terminal.print_json(page)
        return
    rows = (
        (
            each["ci_class"],
            ", then ".join(" or ".join(step) for step in each["steps"]) or "its key alone",
            "" if each["rule_of"] == each["ci_class"] else each["rule_of"],
        )
        for each in page["results"]
    )
    terminal.stdout.print(table(("Class", "Recognised by", "Rule of"), rows))
