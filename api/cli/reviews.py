"""`opsatlas reviews`: records that fit several CIs, and what you decide."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.start import Json, begin
from api.cli.tables import table

reviews = typer.Typer(
    no_args_is_help=True, help="Records that fit several configuration items: you decide, once."
)

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `reviews list` shows it.")]
_MOST = 1000


@reviews.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were decided.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the records that wait for a decision."""
    asked = {"limit": _MOST} if everything else {"limit": _MOST, "state": "open"}
    with connected(begin()) as client:
        page = client.get("/reviews", asked)
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        rows = ((each["id"], *_what(each), each["state"]) for each in page["results"])
        terminal.stdout.print(
            table(("Id", "Record", "Class", "Source", "Fits", "Why", "State"), rows)
        )
    else:
        terminal.stdout.print("Nothing waits for a decision.")


@reviews.command("show")
def show(review_id: Id, as_json: Json = False) -> None:
    """Show a record, what its source says, and the CIs that it fits."""
    with connected(begin()) as client:
        found = client.get(f"/reviews/{review_id}")
    if as_json:
        terminal.print_json(found)
        return
    terminal.stdout.print(
        terminal.plain(f"{found['name']}, {found['key']!r} of {found['source']}", "bold")
    )
    terminal.stdout.print(table(("Field", "Value"), sorted(found["said"].items())))
    rows = (
        (each["ci"], each["name"], each["ci_class"], each["reasons"])
        for each in found["candidates"]
    )
    terminal.stdout.print(table(("CI", "Name", "Class", "Why"), rows))


@reviews.command("merge")
def merge(
    review_id: Id,
    ci: Annotated[int, typer.Option(min=1, help="The CI that the record is about.")],
    as_json: Json = False,
) -> None:
    """Decide that the record is this CI; later loads know it."""
    with connected(begin()) as client:
        decided = client.post(f"/reviews/{review_id}/merge", {"ci": ci})
    _told(decided, as_json)


@reviews.command("keep-apart")
def keep_apart(review_id: Id, as_json: Json = False) -> None:
    """Decide that the record is none of the CIs; it becomes one of its own."""
    with connected(begin()) as client:
        decided = client.post(f"/reviews/{review_id}/keep-apart", None)
    _told(decided, as_json)


def _what(review: dict[str, Any]) -> tuple[str, str, str, list[str], list[str]]:
    fits = [f"{each['ci']} ({each['name']})" for each in review["candidates"]]
    why = [reason for each in review["candidates"] for reason in each["reasons"]]
    return review["name"], review["ci_class"], review["source"], fits, why


def _told(decided: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(decided)
    else:
        state = decided["state"].replace("_", " ")
        terminal.stdout.print(f"Review {decided['id']}: {state}, CI {decided['ci']}.")
