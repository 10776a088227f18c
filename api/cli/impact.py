"""`opsatlas impact`: what is affected when CIs fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import FORMS, moment
from api.cli.start import Json, begin
from api.cli.suppositions import supposition


class Explain(StrEnum):
    PATH = "path"
    ALL = "all"


class Urgency(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def impact(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="Names of the failed CIs.")
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", min=1, help="A failed CI by its id; for names that several CIs have."),
    ] = None,
    urgency: Annotated[
        Urgency, typer.Option(help="How soon it hurts; with the impact it gives the priority.")
    ] = Urgency.HIGH,
    as_of: Annotated[
        str | None, typer.Option(help=f"A past moment to analyse: {FORMS}.", show_default=False)
    ] = None,
    max_depth: Annotated[
        int | None, typer.Option(min=0, help="List only what is at most so many steps away.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Affected CIs that --json lists; counts are always whole.")
    ] = 200,
    every: Annotated[
        bool, typer.Option("--all", help="Explain every affected service, not the worst alone.")
    ] = False,
    explain: Annotated[
        Explain, typer.Option(help="all: also the facts from which each state follows, in full.")
    ] = Explain.PATH,
    why: Annotated[
        list[str] | None, typer.Option(help="Explain this CI too, a service or not.")
    ] = None,
    what_if_fail: Annotated[
        list[str] | None, typer.Option(help="What would change if this CI failed too?")
    ] = None,
    what_if_restore: Annotated[
        list[str] | None, typer.Option(help="What would change if this failed CI worked again?")
    ] = None,
    what_if_remove: Annotated[
        list[str] | None,
        typer.Option(help="… if this relationship were not: 'DEPENDENT -> PROVIDER'."),
    ] = None,
    what_if_add: Annotated[
        list[str] | None,
        typer.Option(help="… if this one were: 'DEPENDENT -> PROVIDER', optional with a ? behind."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which services the failed CIs take down, degrade or put at risk, and why."""
    settings = begin()
    failed: list[Any] = [*(names or ()), *({"id": ci_id} for ci_id in ids or ())]
    supposed = supposition(what_if_fail, what_if_restore, what_if_remove, what_if_add)
    if not failed and not supposed:
        raise UsageError("no failed CI is named", hint="opsatlas impact NAME…")
    question: dict[str, Any] = {"failed": failed, "urgency": urgency, "limit": limit}
    asked = {"explain": explain if explain != Explain.PATH else None, "why": why}
    question |= {name: value for name, value in asked.items() if value}
    if supposed:
        question["what_if"] = supposed
    if as_of is not None:
        question["as_of"] = moment(as_of, "--as-of")
    if max_depth is not None:
        question["max_depth"] = max_depth
    with connected(settings) as client:
        answer = client.post("/impact", question)
    if as_json:
        terminal.print_json(answer)
        return
    from api.cli import impact_text, what_if_text
    from cmdb.full_impact import FullImpactAnswer

    parsed = FullImpactAnswer.model_validate(answer, extra="ignore")
    shown = None if every else impact_text.EXPLAINED
    if failed:
        impact_text.show(parsed, explained=shown)
    what_if_text.show(parsed, shown)
