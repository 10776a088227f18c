"""`opsatlas ci`: one configuration item, where its values come from, and whose they are."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import FORMS, moment
from api.cli.references import find_ci
from api.cli.start import Json, begin
from api.cli.tables import table

ci = typer.Typer(no_args_is_help=True, help="One configuration item.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name, or an id.")]
_MOST = 1000
_FIELDS = (
    *("name", "ci_class", "status", "environment", "criticality", "owner", "support_group"),
    *("ip_address", "fqdn", "serial_number"),
)


@ci.command("show")
def show(
    name: Name,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Source, import run and time of every value.")
    ] = False,
    as_of: Annotated[
        str | None, typer.Option(help=f"As it was at a moment: {FORMS}.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a configuration item: its values, and the keys under which sources know it."""
    if provenance and as_of is not None:
        raise UsageError("--provenance is of now", hint="leave out --as-of")
    at = None if as_of is None else moment(as_of, "--as-of")
    with connected(begin()) as client:
        found = find_ci(client, name, at)
        origins: list[dict[str, Any]] = []
        if provenance:
            page = client.get(f"/cis/{found['id']}/provenance?{urlencode({'limit': _MOST})}")
            origins = page["results"]
    if as_json:
        terminal.print_json({**found, "provenance": origins} if provenance else found)
        return
    terminal.stdout.print(terminal.plain(f"{found['name']} (CI {found['id']})", "bold"))
    if provenance:
        terminal.stdout.print(
            table(
                ("Field", "Value", "Source", "Import", "Since", "Others say"),
                (
                    (
                        each["field"],
                        each["value"],
                        f"{each['source']} (stale)" if each["stale"] else each["source"],
                        each["import_run"] or each["actor"],
                        terminal.minute(each["at"]),
                        [f"{other['source']}: {other['value']}" for other in each["others"]],
                    )
                    for each in origins
                ),
            )
        )
        return
    rows = [(field, found[field]) for field in _FIELDS if found[field] is not None]
    rows += sorted(found["attributes"].items())
    rows += [(f"key in {key['source']}", key["key"]) for key in found["keys"]]
    terminal.stdout.print(table(("Field", "Value"), rows))


@ci.command("history")
def history(
    name: Name,
    relationships: Annotated[
        bool, typer.Option("--relationships", help="Also what happened to its relationships.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what happened to a configuration item, the newest first: who, what, which source."""
    with connected(begin()) as client:
        found = find_ci(client, name)
        asked = {"limit": _MOST, "relationships": relationships}
        page = client.get(f"/cis/{found['id']}/history", asked)
    if as_json:
        terminal.print_json(page)
        return
    rows = (
        (
            terminal.minute(each["at"]),
            each["actor"],
            each["source"],
            f"{each['action']} {each['entity']} {each['entity_id']}",
            _told(each),
        )
        for each in page["results"]
    )
    terminal.stdout.print(table(("When", "Who", "Source", "What", "Values"), rows))


def _told(entry: dict[str, Any]) -> list[str]:
    """The values of an entry: `owner: Ann -> Eve`, or those that came or went."""
    before, after = entry["before"] or {}, entry["after"] or {}
    if entry["before"] is None or entry["after"] is None:
        return [f"{field}: {value}" for field, value in {**before, **after}.items()]
    return [f"{field}: {value} -> {after.get(field)}" for field, value in before.items()]


@ci.command("release")
def release(
    name: Name,
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="FIELD…", help="Fields, or attributes.NAME [all of them]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give values that people wrote back to the sources."""
    with connected(begin()) as client:
        found = find_ci(client, name)
        changed = client.post(f"/cis/{found['id']}/release", {"fields": fields or []})
    if as_json:
        terminal.print_json(changed)
    else:
        terminal.stdout.print(f"CI {changed['id']} follows its sources again.")
