"""`opsatlas load`: an inventory from files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli import load_text, saved_plan, terminal, uploads
from api.cli.client import connected
from api.cli.failures import PROBLEMS, UsageError
from api.cli.inventory_files import inventory_files
from api.cli.start import Json, begin

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]
Partial = Annotated[
    bool, typer.Option("--partial", help="Load the good records and leave the bad ones.")
]
FileNames = Annotated[
    list[str], typer.Argument(metavar="FILE…", help="Files to load; - is standard input.")
]


class Missing(StrEnum):
    KEEP = "keep"
    RETIRE = "retire"


def load(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="Files, archives (zip, gz), folders or patterns; - is standard input.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(help="System of record that the files come from [native, or the format]."),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="Format of the files [auto].")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Mapping (TOML, YAML) that goes over the format's own."),
    ] = None,
    choices: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the format; repeatable."),
    ] = None,
    dry_run: DryRun = False,
    save_plan: Annotated[
        str | None,
        typer.Option(metavar="PLAN", help="With --dry-run: keep the plan for `opsatlas apply`."),
    ] = None,
    partial: Partial = False,
    missing: Annotated[
        Missing, typer.Option(help="What becomes of CIs that the source no longer reports.")
    ] = Missing.KEEP,
    as_json: Json = False,
) -> None:
    """Load an inventory: configuration items and relationships, all files in one unit of work."""
    if save_plan is not None and not dry_run:
        raise UsageError("--save-plan keeps the plan of a dry run", hint="add --dry-run")
    settings = begin()
    options: dict[str, Any] = {"missing": missing.value}
    if source is not None:
        options["source"] = source
    if format_ is not None:
        options["format"] = format_
    if dry_run:
        options["dry_run"] = "true"
    if partial:
        options["partial"] = "true"
    if choices:
        options["set"] = choices
    read = [*inventory_files(files, settings.data_dir)]
    if mapping is not None:
        read.append(("mapping", uploads.content_of(mapping)))
    with connected(settings) as client:
        report = uploads.load_files(client, "/imports", read, options)
    if save_plan is not None and report["state"] == "done":
        saved_plan.save(save_plan, read, options, report)
        terminal.note(f"the plan is in {save_plan}: opsatlas apply {save_plan}")
    if as_json:
        terminal.print_json(report)
    else:
        load_text.show(report)
    if load_text.has_errors(report):
        raise typer.Exit(PROBLEMS)
