"""`opsatlas changes assess`: what planned changes do together, and which of them conflict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import connected
from api.cli.failures import UsageError
from api.cli.past import FORMS, moment
from api.cli.start import Json, begin


def assess(
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="NUMBER…", help="Recorded changes.")
    ] = None,
    cis: Annotated[
        list[str] | None,
        typer.Option("--ci", help="A CI that a change not yet recorded would keep down."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", help=f"When that change, or else the window, begins: {FORMS}."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="When it ends.")] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Leave out recorded changes that overlap.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Show everything, not the first ten of each.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show which services planned changes put at risk, degrade or take down, and when."""
    settings = begin()
    question = _question(numbers or [], cis or [], from_, to)
    if alone:
        question["overlapping"] = False
    with connected(settings) as client:
        found = client.post("/changes/assess", question)
    if as_json:
        terminal.print_json(found)
        return
    from api.cli import changes_assess_text

    changes_assess_text.show(found, None if every else changes_assess_text.SHOWN)


def _question(numbers: list[str], cis: list[str], from_: str | None, to: str | None) -> Any:
    start = None if from_ is None else moment(from_, "--from")
    end = None if to is None else moment(to, "--to")
    question: dict[str, Any] = {"changes": numbers}
    if cis:
        if start is None:
            raise UsageError("--ci wants --from: when the change would begin")
        question["drafts"] = [{"cis": cis, "planned_start": start, "planned_end": end}]
        return question
    if not numbers and start is None:
        raise UsageError(
            "no change is named",
            hint="opsatlas changes assess CHG-0001, --ci NAME --from T --to T, or --from T --to T",
        )
    window = {"from": start, "to": end}
    return question | {name: value for name, value in window.items() if value is not None}
