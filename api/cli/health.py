"""`opsatlas health`: how complete, correct and compliant the inventory is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import health_text, terminal
from api.cli.client import Client, connected
from api.cli.failures import PROBLEMS, UsageError
from api.cli.start import Json, begin

Names = list[str] | None


def health(
    classes: Annotated[
        Names, typer.Option("--class", metavar="CLASS", help="CIs of this class; repeatable.")
    ] = None,
    source: Annotated[
        Names, typer.Option(metavar="SOURCE", help="CIs that this source reports; repeatable.")
    ] = None,
    owner: Annotated[
        Names,
        typer.Option(metavar="OWNER", help="CIs of this owner; '' for none; repeatable."),
    ] = None,
    check: Annotated[
        Names, typer.Option(metavar="CHECK", help="List what this check found; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Most findings to list.")] = 20,
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write all findings there as CSV; - is the terminal."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep today's numbers for the trend.")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Exit code 1 where the score is lower."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Report what is incomplete, wrong or against the rules, with a score and its trend."""
    scope = {"ci_class": classes or [], "source": source or [], "owner": owner or []}
    _require_folder(csv)
    with connected(begin()) as client:
        if record:
            client.post("/cmdb-health/record", None)
        report = client.get("/cmdb-health", scope)
        asked = {**scope, "check": check or []}
        if csv is not None:
            _write(client, asked, csv)
        listed: dict[str, Any] = {"count": 0, "results": []}
        if limit and not as_json and csv != "-":
            listed = client.get("/cmdb-health/findings", {**asked, "limit": limit})
    if as_json:
        terminal.print_json(report)
    elif csv != "-":
        health_text.show(report, listed)
        if csv is not None:
            terminal.note(f"findings: {csv}")
    score = report["score"]
    if fail_under is not None and (score is None or score < fail_under):
        told = "there is nothing to score" if score is None else f"the score is {score}"
        terminal.note(f"{told}, {fail_under:g} is asked for")
        raise typer.Exit(PROBLEMS)


def _require_folder(csv: str | None) -> None:
    if csv is not None and csv != "-" and not Path(csv).absolute().parent.is_dir():
        raise UsageError(f"there is no folder {Path(csv).absolute().parent}")


def _write(client: Client, asked: dict[str, Any], file: str) -> None:
    answer = client.send("GET", "/cmdb-health/findings", params={**asked, "format": "csv"})
    if file == "-":
        terminal.print_bytes(answer.content)
        return
    try:
        Path(file).write_bytes(answer.content)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
