"""`opsatlas load`: an inventory from files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli import load_text, terminal, uploads
from api.cli.client import connected
from api.cli.failures import PROBLEMS
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
    files: FileNames,
    source: Annotated[
        str | None, typer.Option(help="System of record that the files come from [native].")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="Format of the files [auto].")
    ] = None,
    dry_run: DryRun = False,
    partial: Partial = False,
    missing: Annotated[
        Missing, typer.Option(help="What becomes of CIs that the source no longer reports.")
    ] = Missing.KEEP,
    as_json: Json = False,
) -> None:
    """Load an inventory: configuration items and relationships, all files in one unit of work."""
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
    read = uploads.files_of(files)
    with connected(settings) as client:
        report = uploads.load_files(client, "/imports", read, options)
    if as_json:
        terminal.print_json(report)
    else:
        load_text.show(report)
    if load_text.has_errors(report):
        raise typer.Exit(PROBLEMS)
