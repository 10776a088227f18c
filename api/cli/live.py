"""`opsatlas states`, `opsatlas services`, `opsatlas events`: what is down right now."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import Client, connected
from api.cli.failures import InterruptedByUserError, UsageError
from api.cli.past import duration
from api.cli.start import Json, begin
from api.cli.tables import table

states = typer.Typer(
    no_args_is_help=True, help="What is reported of configuration items: down, degraded or up."
)

_MOST = 1000
_LOOK_EVERY = 1.0


@states.command("report")
def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names of the CIs.")],
    down: Annotated[bool, typer.Option("--down", help="They do not work.")] = False,
    degraded: Annotated[bool, typer.Option("--degraded", help="They work, but worse.")] = False,
    up: Annotated[bool, typer.Option("--up", help="They work again.")] = False,
    lasting: Annotated[
        str | None,
        typer.Option("--for", help="How long the report counts: 30m, 2h, 1d; else until changed."),
    ] = None,
    source: Annotated[str, typer.Option(help="Who says so.")] = "manual",
    message: Annotated[str, typer.Option(help="What is seen.")] = "",
    as_json: Json = False,
) -> None:
    """Report that CIs are down, degraded or up again; the services follow at once."""
    said = [name for name, wanted in (("down", down), ("degraded", degraded), ("up", up)) if wanted]
    if len(said) != 1:
        raise UsageError("say one of --down, --degraded and --up")
    common: dict[str, Any] = {"state": said[0], "source": source, "message": message}
    if lasting is not None:
        common["expires_in"] = int(duration(lasting, "--for").total_seconds())
    body = [{"ci": name, **common} for name in names]
    with connected(begin()) as client:
        receipts = client.post("/states", body if len(body) > 1 else body[0])
    if as_json:
        terminal.print_json(receipts)
        return
    for each in receipts if isinstance(receipts, list) else [receipts]:
        until = f", until {terminal.minute(each['expires_at'])} UTC" if each["expires_at"] else ""
        line = f"{each['ci']['name']}: {each['state']}, says {each['source']}{until}"
        terminal.stdout.print(terminal.plain(line))


@states.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is up, and reports that expired.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what is reported of CIs, the newest first."""
    asked: dict[str, Any] = {"limit": _MOST}
    if not everything:
        asked |= {"state": ["down", "degraded"], "expired": "false"}
    with connected(begin()) as client:
        page = client.get("/states", asked)
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        rows = (
            (
                each["ci"]["name"],
                f"{each['state']}{' (expired)' if each['expired'] else ''}",
                each["source"],
                terminal.minute(each["since"]),
                terminal.minute(each["expires_at"]),
                each["message"],
            )
            for each in page["results"]
        )
        terminal.stdout.print(table(("CI", "State", "Source", "Since", "Until", "Message"), rows))
    else:
        terminal.stdout.print("Nothing is reported down or degraded.")


def services(
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only services that are down, degraded, at_risk or operational."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most services to list.")] = 50,
    as_json: Json = False,
) -> None:
    """List the services with their states right now, the worst first, and why."""
    asked: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    with connected(begin()) as client:
        page = client.get("/services", asked)
    if as_json:
        terminal.print_json(page)
        return
    rows = (
        (
            each["name"],
            f"{each['state'].replace('_', ' ')}{' (muted)' if each['muted'] else ''}",
            terminal.minute(each["since"]),
            " > ".join(step["name"] for step in each["path"]),
        )
        for each in page["results"]
    )
    if page["results"]:
        terminal.stdout.print(table(("Service", "State", "Since", "Because"), rows))
        if page["count"] > len(page["results"]):
            terminal.note(
                f"{len(page['results'])} of {page['count']:,} services; --limit shows more"
            )
    else:
        terminal.stdout.print("There is no such service.")


def events(
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Begin after the event with this id; 0: with all that is kept."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for more, until Ctrl-C.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Follow the changes of services' states as they happen; --json prints one JSON a line."""
    with connected(begin()) as client:
        try:
            for event in _events(client, after, follow=follow):
                if as_json:
                    terminal.print_bytes(json.dumps(event, ensure_ascii=False).encode() + b"\n")
                else:
                    terminal.stdout.print(terminal.plain(_line(event)), soft_wrap=True)
        except (KeyboardInterrupt, InterruptedByUserError):
            terminal.note("stopped")


def _events(client: Client, after: int | None, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Events in their order. It asks again and again: so a server and the database are alike."""
    place = after
    while True:
        if client.local is not None:
            client.local.live.look()
        asked: dict[str, Any] = {"follow": "false"}
        text = client.send(
            "GET", "/events", params=asked | ({} if place is None else {"after": place})
        )
        for line in text.text.splitlines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                place = event.get("id", place)
                yield event
            elif line.startswith(_PLACE):
                place = int(line.removeprefix(_PLACE))
        if not follow:
            return
        time.sleep(_LOOK_EVERY)


_PLACE = "id: "


def _line(event: dict[str, Any]) -> str:
    if event["event"] == "gap":
        return f"(events up to {event['oldest'] - 1} are no longer kept)"
    at = terminal.minute(event["at"])
    name, to = event["service"]["name"], event["to"].replace("_", " ")
    if event["event"] == "flapping":
        return f"{event['id']}  {at}  {name} changes too often; {to} for now"
    because = event["because"]
    why = f": {' > '.join(because['path'])}" if because else ""
    settled = " (it flapped until now)" if event["settled"] else ""
    return (
        f"{event['id']}  {at}  {name} is {to}, was {event['from'].replace('_', ' ')}{why}{settled}"
    )
