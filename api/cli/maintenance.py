"""`opsatlas maintenance`: times in which failures are expected, so that no event tells of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import duration, moment
from api.cli.start import Json, begin
from api.cli.tables import table
from opsatlas.clock import now, parse_rfc3339, rfc3339

maintenance = typer.Typer(
    no_args_is_help=True, help="Maintenance windows: failures in them are muted."
)

_MOST = 1000


@maintenance.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: Json = False,
) -> None:
    """List the maintenance windows that run or will, the one that starts last first."""
    asked: dict[str, Any] = {"limit": _MOST}
    if not everything:
        asked["ends_at__gte"] = rfc3339(now())
    with connected(begin()) as client:
        page = client.get("/maintenance-windows", asked)
    if as_json:
        terminal.print_json(page)
    elif page["results"]:
        rows = (
            (
                each["id"],
                ", ".join(ci["name"] for ci in each["cis"]),
                f"{terminal.minute(each['starts_at'])}{' (now)' if each['active'] else ''}",
                terminal.minute(each["ends_at"]),
                each["reason"],
            )
            for each in page["results"]
        )
        terminal.stdout.print(table(("Id", "CIs", "From", "Until", "Reason"), rows))
    else:
        terminal.stdout.print("No maintenance is planned.")


@maintenance.command("add")
def add(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names of the CIs.")],
    reason: Annotated[str, typer.Option(help="What is done.")],
    start: Annotated[
        str | None, typer.Option("--from", help="When it starts, as RFC 3339 or a date; else now.")
    ] = None,
    end: Annotated[str | None, typer.Option("--until", help="When it ends, said alike.")] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long it lasts: 30m, 2h, 1d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Expect failures of these CIs for a while: no event will tell of them."""
    if (end is None) == (lasting is None):
        raise UsageError("say when it ends", hint="either --for 2h or --until")
    begins = rfc3339(now()) if start is None else moment(start, "--from")
    if lasting is not None:
        ends = rfc3339(parse_rfc3339(begins) + duration(lasting, "--for"))
    else:
        ends = moment(end or "", "--until")
    body = {"cis": names, "starts_at": begins, "ends_at": ends, "reason": reason}
    with connected(begin()) as client:
        planned = client.post("/maintenance-windows", body)
    if as_json:
        terminal.print_json(planned)
        return
    span = " to ".join(terminal.minute(planned[when]) for when in ("starts_at", "ends_at"))
    cis = ", ".join(ci["name"] for ci in planned["cis"])
    terminal.stdout.print(terminal.plain(f"Maintenance {planned['id']}: {cis}, {span} UTC"))


@maintenance.command("end")
def end(
    window: Annotated[int, typer.Argument(metavar="ID", min=1, help="From `maintenance list`.")],
    as_json: Json = False,
) -> None:
    """Take a maintenance window away, also one that runs."""
    with connected(begin()) as client:
        client.send("DELETE", f"/maintenance-windows/{window}")
    if as_json:
        terminal.print_json({"ended": window})
    else:
        terminal.stdout.print(f"Maintenance {window} is ended.")
