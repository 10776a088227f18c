"""`opsatlas ci merge` and `ci unmerge`: two CIs are one thing, or were not after all."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.cis import Name, ci
from api.cli.client import Client, connected
from api.cli.failures import UsageError
from api.cli.references import find_ci
from api.cli.start import Json, begin
from api.cli.tables import table

__all__ = ["ci"]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]


@ci.command("merge")
def merge(
    name: Name,
    into: Annotated[str, typer.Option(help="The CI that stays: a name, or an id.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a configuration item part of another one: both are one thing."""
    with connected(begin()) as client:
        loser, winner = find_ci(client, name)["id"], find_ci(client, into)["id"]
        asked = {"dry_run": "true"} if dry_run else None
        sent = client.send("POST", f"/cis/{loser}/merge", params=asked, json={"into": winner})
        report = sent.json()
    if as_json:
        terminal.print_json(report)
    else:
        _show_merge(report)


@ci.command("unmerge")
def unmerge(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make a configuration item that was merged one of its own again.

    What something later built on stays as it is, and is listed.
    """
    with connected(begin()) as client:
        merge_id = _merge_of(client, name)
        asked = {"dry_run": "true"} if dry_run else None
        report = client.send("POST", f"/merges/{merge_id}/undo", params=asked).json()
    if as_json:
        terminal.print_json(report)
        return
    verb = "would be" if dry_run else "is"
    terminal.stdout.print(
        f"{_named(report['loser'])} {verb} a CI of its own again: {report['keys']} keys, "
        f"{report['relationships_changed']} relationships, {report['records']} records."
    )
    if report["conflicts"]:
        terminal.stdout.print(terminal.plain("These stay as they are:", "yellow"))
        rows = ((each["what"], each["why"]) for each in report["conflicts"])
        terminal.stdout.print(table(("What", "Why"), rows))


def _merge_of(client: Client, said: str) -> int:
    """The merge of the CI of this name or id that holds: in which it went, else that it took in."""
    page = client.get("/cis", {"name__ic": said, "limit": 1000})
    ids = [each["id"] for each in page["results"] if each["name"].casefold() == said.casefold()]
    if not ids and said.isdecimal():
        ids = [int(said)]
    for end in ("loser_id", "winner_id"):
        holding = {end: ids, "undone_at__empty": "true"}
        found = client.get("/merges", holding)["results"] if ids else []
        if len(found) == 1:
            merge_id: int = found[0]["id"]
            return merge_id
        if found:
            listed = ", ".join(f"CI {each['loser_id']}" for each in found)
            raise UsageError(f"{said!r} is about several merges: {listed}", hint="say which CI")
    raise UsageError(f"no CI {said!r} was merged")


def _show_merge(report: dict[str, Any]) -> None:
    verb = "would become" if report["dry_run"] else "is now"
    terminal.stdout.print(
        terminal.plain(f"{_named(report['loser'])} {verb} part of {_named(report['winner'])}.")
    )
    fields = [each for each in report["fields"] if each["winner"] != each["loser"]]
    if fields:
        rows = (
            (each["field"], each["value"], each["winner"], each["loser"], each["why"])
            for each in fields
        )
        terminal.stdout.print(table(("Field", "Value", "It had", "The other had", "Why"), rows))
    if report["relationships"]:
        edges = (
            (
                each["becomes"] if each["into"] is None else f"joined with {each['into']}",
                f"{each['dependent']['name']} {each['type']} {each['provider']['name']}",
                each["redundancy_group"],
            )
            for each in report["relationships"]
        )
        terminal.stdout.print(table(("Becomes", "Relationship", "Group"), edges))
    groups = (
        (each["becomes"], each["dependent"]["name"], each["name"], each["min_up"])
        for each in report["redundancy_groups"]
    )
    if report["redundancy_groups"]:
        terminal.stdout.print(table(("Becomes", "Group of", "Name", "Min. up"), groups))
    terminal.stdout.print(
        f"{len(report['keys'])} keys, {report['reviews']} reviews and {report['records']} records"
        " go over."
    )


def _named(named: dict[str, Any]) -> str:
    return f"{named['name']} (CI {named['id']})"
