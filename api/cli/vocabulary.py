"""`opsatlas relationship-types` and `ci-classes`: the words that an installation can add to."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import PROBLEMS, UsageError
from api.cli.start import Json, begin
from api.cli.tables import table
from api.cli.type_effect_text import show_effect

relationship_types = typer.Typer(
    no_args_is_help=True, help="Types of relationships, and whether failure travels along them."
)
ci_classes = typer.Typer(no_args_is_help=True, help="Classes of configuration items.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as depends_on.")]
Label = Annotated[str | None, typer.Option(help="What people call it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the effect; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Carries = Annotated[
    bool | None,
    typer.Option(
        "--failure/--no-failure", help="Whether failure travels from provider to dependent."
    ),
]
IsService = Annotated[
    bool | None, typer.Option("--service/--no-service", help="Whether its CIs are services.")
]
_MOST = 1000


@relationship_types.command("list")
def list_types(as_json: Json = False) -> None:
    """List the relationship types."""
    with connected(begin()) as client:
        page = client.get("/relationship-types", {"limit": _MOST})
    if as_json:
        terminal.print_json(page)
        return
    rows = ((each["name"], each["label"], _travels(each)) for each in page["results"])
    terminal.stdout.print(table(("Type", "Label", "Failure travels"), rows))


@relationship_types.command("show")
def show_type(name: Name, as_json: Json = False) -> None:
    """Show one relationship type."""
    with connected(begin()) as client:
        found = client.get(_type(name))
    _tell(found, as_json, _type_line(found))


@relationship_types.command("add")
def add_type(
    name: Name, failure: Carries = None, label: Label = None, as_json: Json = False
) -> None:
    """Add a relationship type. Say whether failure travels along it."""
    if failure is None:
        raise UsageError(
            "say whether failure travels along it", hint="add --failure, or --no-failure"
        )
    with connected(begin()) as client:
        said = {"name": name, "failure_direction": _direction(failure), "label": label}
        made = client.post("/relationship-types", said)
    _tell(made, as_json, _type_line(made))


@relationship_types.command("set")
def set_type(
    name: Name,
    failure: Carries = None,
    label: Label = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change a relationship type, after showing what that does to the services."""
    patch = {
        key: value
        for key, value in (
            ("failure_direction", None if failure is None else _direction(failure)),
            ("label", label),
        )
        if value is not None
    }
    _something(patch, "--failure, --no-failure or --label")
    with connected(begin()) as client:
        if dry_run or not yes:
            effect = client.post(f"{_type(name)}/preview", patch)
            if not as_json:
                show_effect(effect)
            elif dry_run:
                terminal.print_json(effect)
            if dry_run:
                return
            _agree(effect, ask=not as_json)
        changed = client.send("PATCH", _type(name), json=patch).json()
    _tell(changed, as_json, _type_line(changed))


@relationship_types.command("remove")
def remove_type(name: Name) -> None:
    """Delete a relationship type of your own that no relationship has."""
    _remove(_type(name), name)


@ci_classes.command("list")
def list_classes(as_json: Json = False) -> None:
    """List the CI classes."""
    with connected(begin()) as client:
        page = client.get("/ci-classes", {"limit": _MOST})
    if as_json:
        terminal.print_json(page)
        return
    rows = (
        (each["name"], each["label"], each["parent"], "yes" if each["is_service"] else "no")
        for each in page["results"]
    )
    terminal.stdout.print(table(("Class", "Label", "Below", "Service"), rows))


@ci_classes.command("show")
def show_class(name: Name, as_json: Json = False) -> None:
    """Show one CI class."""
    with connected(begin()) as client:
        found = client.get(_class(name))
    _tell(found, as_json, _class_line(found))


@ci_classes.command("add")
def add_class(
    name: Name,
    parent: Annotated[str, typer.Option(help="The class that it stands below.")],
    service: IsService = None,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """Add a CI class below another one; its CIs are services where those of that one are."""
    with connected(begin()) as client:
        said = {"name": name, "parent": parent, "is_service": service, "label": label}
        made = client.post("/ci-classes", said)
    _tell(made, as_json, _class_line(made))


@ci_classes.command("set")
def set_class(
    name: Name,
    parent: Annotated[str | None, typer.Option(help="The class that it stands below.")] = None,
    service: IsService = None,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """Change a CI class; of a built-in one its label alone."""
    said = {"parent": parent, "is_service": service, "label": label}
    patch = {key: value for key, value in said.items() if value is not None}
    _something(patch, "--parent, --service, --no-service or --label")
    with connected(begin()) as client:
        changed = client.send("PATCH", _class(name), json=patch).json()
    _tell(changed, as_json, _class_line(changed))


@ci_classes.command("remove")
def remove_class(name: Name) -> None:
    """Delete a CI class of your own that no CI has."""
    _remove(_class(name), name)


def _agree(effect: dict[str, Any], *, ask: bool) -> None:
    """Ask whether to save, where failure would travel otherwise. Raises UsageError, Exit."""
    moving = effect["relationships"]
    if not moving["starting"] and not moving["stopping"]:
        return
    if not ask or not terminal.can_ask():
        raise UsageError(
            "nobody can be asked here, so nothing was saved", hint="add --yes to save it"
        )
    if not typer.confirm("Save it?", default=False, err=True):
        terminal.note("nothing was saved")
        raise typer.Exit(PROBLEMS)


def _remove(path: str, name: str) -> None:
    with connected(begin()) as client:
        client.send("DELETE", path)
    terminal.stdout.print(terminal.plain(f"{name} is removed."))


def _something(patch: dict[str, Any], options: str) -> None:
    if not patch:
        raise UsageError("nothing to change was said", hint=f"say {options}")


def _tell(document: dict[str, Any], as_json: bool, line: str) -> None:
    if as_json:
        terminal.print_json(document)
    else:
        terminal.stdout.print(terminal.plain(line))


def _type_line(each: dict[str, Any]) -> str:
    return f"{each['name']}: {each['label']}; failure travels: {_travels(each)}"


def _class_line(each: dict[str, Any]) -> str:
    below = f", below {each['parent']}" if each["parent"] else ""
    kind = "services" if each["is_service"] else "no services"
    return f"{each['name']}: {each['label']}{below}; its CIs are {kind}"


def _travels(each: dict[str, Any]) -> str:
    return "not" if each["failure_direction"] == "none" else "from provider to dependent"


def _direction(failure: bool) -> str:
    return "provider_to_dependent" if failure else "none"


def _type(name: str) -> str:
    return f"/relationship-types/{quote(name, safe='')}"


def _class(name: str) -> str:
    return f"/ci-classes/{quote(name, safe='')}"
