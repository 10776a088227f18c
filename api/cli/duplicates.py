"""`opsatlas duplicates`: CIs that are probably one thing, and those that are two all the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.references import find_ci
from api.cli.start import Json, begin
from api.cli.tables import table

duplicates = typer.Typer(
    no_args_is_help=True, help="Configuration items that are probably one thing."
)


@duplicates.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most pairs to list.")] = 50,
    as_json: Json = False,
) -> None:
    """List pairs that are probably one thing, the surest first. Nothing is merged by itself."""
    with connected(begin()) as client:
        page = client.get("/duplicates", {"limit": limit})
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        rows = (
            (
                f"{each['score']:.2f}",
                [f"{ci['name']} ({ci['id']}, {ci['ci_class']})" for ci in each["cis"]],
                each["reasons"],
                each["doubts"],
            )
            for each in page["results"]
        )
        terminal.stdout.print(table(("Score", "CIs", "Why", "Doubts"), rows))
    else:
        terminal.stdout.print("No two configuration items look like one.")


@duplicates.command("keep-apart")
def keep_apart(
    one: Annotated[str, typer.Argument(metavar="A", help="A name, or an id.")],
    other: Annotated[str, typer.Argument(metavar="B", help="A name, or an id.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take that back.")] = False,
    as_json: Json = False,
) -> None:
    """Remember for good that two configuration items are two."""
    with connected(begin()) as client:
        ids = sorted(find_ci(client, each)["id"] for each in (one, other))
        decided: dict[str, Any]
        if undo:
            asked = {"one_id": ids[0], "other_id": ids[1]}
            found = client.get("/duplicates/keep-apart", asked)["results"]
            if not found:
                raise UsageError(f"nobody decided that {one!r} and {other!r} are two")
            decided = found[0]
            client.send("DELETE", f"/duplicates/keep-apart/{decided['id']}")
        else:
            decided = client.post("/duplicates/keep-apart", {"cis": ids})
    if as_json:
        terminal.print_json(decided)
        return
    names = " and ".join(f"{ci['name']} ({ci['id']})" for ci in decided["cis"])
    told = f"{names} may be one again." if undo else f"{names} are two."
    terminal.stdout.print(terminal.plain(told))
