"""`opsatlas diff`: what differs between two moments."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import FORMS, moment
from api.cli.start import Json, begin
from api.cli.tables import table

_SIGNS = {"entered": "+", "left": "-", "changed": "~", "added": "+", "removed": "-"}


def diff(
    from_: Annotated[str, typer.Option("--from", help=f"The earlier moment: {FORMS}.")],
    to: Annotated[str, typer.Option(help="The later moment.")] = "now",
    ci: Annotated[str | None, typer.Option(help="The CI to compare, by name.")] = None,
    service: Annotated[
        str | None, typer.Option(help="The service to compare with everything it stands on.")
    ] = None,
    ci_id: Annotated[int | None, typer.Option("--id", min=1, help="The CI by its id.")] = None,
    as_json: Json = False,
) -> None:
    """Show what differs between two moments for a CI, or for all that a service stands on."""
    settings = begin()
    subject = {"ci": ci, "service": service, "ci_id": ci_id}
    said = {name: value for name, value in subject.items() if value is not None}
    if len(said) != 1:
        raise UsageError("say one of --ci, --service and --id")
    asked = {"from": moment(from_, "--from"), "to": moment(to, "--to"), **said}
    with connected(settings) as client:
        found = client.get("/diff", asked)
    if as_json:
        terminal.print_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    of = "and what it stands on" if found["scope"] == "service" else "and its relationships"
    name = terminal.plain(found["subject"]["name"], "bold")
    name.append(f" {of}, {terminal.minute(found['from'])} to {terminal.minute(found['to'])}")
    terminal.stdout.print(name)
    cis = list(_ci_rows(found["configuration_items"]))
    relationships = list(_relationship_rows(found["relationships"]))
    if not cis and not relationships:
        terminal.stdout.print("Nothing differs.")
        return
    if cis:
        terminal.stdout.print()
        terminal.stdout.print(table(("", "Item", "Class", "What"), cis))
    if relationships:
        terminal.stdout.print()
        terminal.stdout.print(table(("", "Dependent", "Provider", "Type", "What"), relationships))


def _ci_rows(differences: dict[str, Any]) -> Any:
    for kind in ("entered", "left", "changed"):
        for each in differences[kind]:
            what = each["because"].replace("_", " ") if kind != "changed" else _what(each)
            yield _SIGNS[kind], each["name"], each["ci_class"].replace("_", " "), what


def _relationship_rows(differences: dict[str, Any]) -> Any:
    for kind in ("added", "removed", "changed"):
        for each in differences[kind]:
            what = _what(each) if kind == "changed" else _how(each)
            ends = each["dependent"]["name"], each["provider"]["name"]
            yield _SIGNS[kind], *ends, each["type"], what


def _what(changed: dict[str, Any]) -> str:
    return "; ".join(
        f"{each['field']}: {_shown(each['before'])} -> {_shown(each['after'])}"
        for each in changed["changes"]
    )


def _how(relationship: dict[str, Any]) -> str:
    group = relationship["redundancy_group"]
    within = f", group {group}, min_up {relationship['min_up']}" if group else ""
    return f"{relationship['dependency']}{within}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
