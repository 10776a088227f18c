"""`opsatlas sync`: an inventory pulled from the system that keeps it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.cli import load_text, terminal
from api.cli.client import Client, connected
from api.cli.failures import NOTHING_WRITTEN, PROBLEMS, InterruptedByUserError, UsageError
from api.cli.start import Json, begin
from api.cli.tables import table

_OPEN = ("queued", "running")
_LOOK_EVERY = 1.0
_MOST = 1000


def sync(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A source of OPSATLAS_SYNC_SOURCES.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the sources, their last and next runs.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, not only changes.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pull an inventory over HTTP from ServiceNow, NetBox or Backstage, and load it.

    A run that was interrupted goes on from where it was.
    """
    if listed == (name is not None) or (listed and (full or dry_run)):
        raise UsageError("say the NAME of a source, or --list alone")
    with connected(begin()) as client:
        if listed:
            _show_list(client.get("/syncs", {"limit": _MOST}), as_json)
            return
        run = _run(client, str(name), {"full": full, "dry_run": dry_run})
    if as_json:
        terminal.print_json(run)
    else:
        _show(run)
    if run["state"] != "done" or load_text.has_errors(run["report"] or {}):
        raise typer.Exit(PROBLEMS)


def _run(client: Client, name: str, wanted: Mapping[str, bool]) -> dict[str, Any]:
    """The run once it has ended; a server's is waited for."""
    path = f"/syncs/{quote(name, safe='')}"
    asked = {option: "true" for option, said in wanted.items() if said}
    with terminal.waiting(f"reading {name}"):
        try:
            run: dict[str, Any] = client.send("POST", f"{path}/run", params=asked).json()
        except InterruptedByUserError as error:
            if str(error) != NOTHING_WRITTEN:
                raise
            raise InterruptedByUserError(
                "interrupted; nothing was loaded",
                hint="what was read is kept: the next run within a day goes on from there",
            ) from None
        while run["state"] in _OPEN:
            time.sleep(_LOOK_EVERY)
            run = client.get(f"{path}/runs/{run['id']}")
    return run


def _show(run: Mapping[str, Any]) -> None:
    mode = (
        "everything" if run["mode"] == "full" else f"changes since {terminal.minute(run['since'])}"
    )
    read = f"Read {mode}: {run['records']:,} records on {run['pages']:,} pages"
    terminal.stdout.print(terminal.plain(read))
    if run["report"]:
        load_text.show(run["report"])
    elif run["error"]:
        terminal.stdout.print(terminal.plain(f"{run['state']}: {run['error']}", "bold red"))
    else:
        terminal.stdout.print(terminal.plain("Nothing has changed there.", "bold green"))


def _show_list(page: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(page)
    elif not page["results"]:
        terminal.stdout.print("No source is pulled: OPSATLAS_SYNC_SOURCES names none.")
    else:
        rows = [_row(each) for each in page["results"]]
        head = ("Source", "Kind", "Schedule", "Last run", "State", "Next run", "Error")
        terminal.stdout.print(table(head, rows))


def _row(sync: Mapping[str, Any]) -> tuple[Any, ...]:
    last = sync["last_run"] or {"created_at": None, "state": None, "error": None}
    return (
        *(sync["name"], sync["kind"], sync["schedule"]),
        *(terminal.minute(last["created_at"]), last["state"]),
        *(terminal.minute(sync["next_run_at"]), last["error"]),
    )
