"""`opsatlas suspects`: which CIs are behind what is seen."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.start import Json, begin


def suspects(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="Names of CIs that are down or degraded."),
    ] = None,
    down: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A CI that is down.")
    ] = None,
    degraded: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A CI that is degraded.")
    ] = None,
    healthy: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A CI that is known to work.")
    ] = None,
    window: Annotated[
        float, typer.Option(min=0, help="Hours in which a change makes a CI more suspect.")
    ] = 24,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most suspects.")] = 10,
    as_json: Json = False,
) -> None:
    """Show which CIs, failed, would explain what is seen, and what to check next."""
    settings = begin()
    symptoms: list[Any] = [*(names or ())]
    symptoms += [{"ci": name, "state": "down"} for name in down or ()]
    symptoms += [{"ci": name, "state": "degraded"} for name in degraded or ()]
    if not symptoms:
        raise UsageError("no symptom is named", hint="opsatlas suspects NAME…")
    question = {
        "symptoms": symptoms,
        "healthy": healthy or [],
        "window_hours": window,
        "limit": limit,
    }
    with connected(settings) as client:
        answer = client.post("/suspects", question)
    if as_json:
        terminal.print_json(answer)
        return
    from api.cli import suspects_text
    from kb.suspect_schemas import SuspectsAnswer

    suspects_text.show(SuspectsAnswer.model_validate(answer, extra="ignore"), len(symptoms))
