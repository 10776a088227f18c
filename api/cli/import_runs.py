"""`opsatlas imports`: what was loaded, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import load_text, terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from api.cli.tables import table

imports = typer.Typer(no_args_is_help=True, help="What was loaded, and taking it back.")

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `imports list` shows it.")]


@imports.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most loads to list.")] = 50,
    as_json: Json = False,
) -> None:
    """List the loads, the newest first."""
    with connected(begin()) as client:
        page = client.get("/imports", {"limit": limit})
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        names = ("id", "state", "source", "format", "actor")
        rows = (
            [*(each[name] for name in names), terminal.minute(each["created_at"])]
            for each in page["results"]
        )
        terminal.stdout.print(table(("Id", "State", "Source", "Format", "Who", "When"), rows))
    else:
        terminal.stdout.print("Nothing was loaded yet.")


@imports.command("show")
def show(run_id: Id, as_json: Json = False) -> None:
    """Show the report of a load."""
    with connected(begin()) as client:
        report = client.get(f"/imports/{run_id}")
    if as_json:
        terminal.print_json(report)
    else:
        load_text.show(report)


@imports.command("undo")
def undo(
    run_id: Id,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take back what a load brought, and bring back what it changed.

    What a later load or a person built on stays as it is, and is listed.
    """
    asked = {"dry_run": "true"} if dry_run else None
    with connected(begin()) as client:
        report = client.send("POST", f"/imports/{run_id}/undo", params=asked).json()
    if as_json:
        terminal.print_json(report)
        return
    done = f"Import {run_id} would be undone" if dry_run else f"Import {run_id} is undone"
    terminal.stdout.print(
        f"{done}: {report['configuration_items_removed']} CIs removed, "
        f"{report['configuration_items_changed']} changed, "
        f"{report['relationships_changed']} relationships changed."
    )
    if report["conflicts"]:
        terminal.stdout.print(terminal.plain("These stay as they are:", "yellow"))
        rows = ((each["what"], each["why"]) for each in report["conflicts"])
        terminal.stdout.print(table(("What", "Why"), rows))
