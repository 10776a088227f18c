"""`opsatlas apply`: a plan that was made and looked at, carried out only if it still holds."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import load_text, saved_plan, terminal, uploads
from api.cli.client import connected
from api.cli.failures import PROBLEMS
from api.cli.start import Json, begin


def apply(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="As `opsatlas load --save-plan` wrote it.")
    ],
    as_json: Json = False,
) -> None:
    """Load what was planned, if that would still change exactly the same; else change nothing."""
    settings = begin()
    saved = saved_plan.read(plan)
    options = saved.options | {"expected_plan": saved.fingerprint}
    with connected(settings) as client:
        report = uploads.load_files(client, "/imports", saved.files, options)
    if as_json:
        terminal.print_json(report)
    else:
        load_text.show(report)
    if load_text.has_errors(report):
        raise typer.Exit(PROBLEMS)
