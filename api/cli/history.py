"""`opsatlas incidents load` and its like: the records that suggestions come from, from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from api.cli import load_text, terminal, uploads
from api.cli.changes_assess import assess
from api.cli.client import connected
from api.cli.failures import PROBLEMS
from api.cli.load import DryRun, FileNames, Partial
from api.cli.problems import groups
from api.cli.start import Json, begin

_ARTICLES = frozenset({".md", ".markdown"})

incidents = typer.Typer(no_args_is_help=True, help="Incidents: what went wrong, what ended it.")
known_errors = typer.Typer(no_args_is_help=True, help="Known errors: causes with workarounds.")
changes = typer.Typer(no_args_is_help=True, help="Changes to configuration items.")
feedback = typer.Typer(no_args_is_help=True, help="Feedback: which suggestions helped.")
articles = typer.Typer(no_args_is_help=True, help="Knowledge articles: runbooks, post-mortems.")


@incidents.command("load")
def load_incidents(
    files: FileNames, dry_run: DryRun = False, partial: Partial = False, as_json: Json = False
) -> None:
    """Load incidents from JSON lines, JSON or CSV; known numbers are brought up to date."""
    _load("incidents", files, dry_run=dry_run, partial=partial, as_json=as_json)


@known_errors.command("load")
def load_known_errors(
    files: FileNames, dry_run: DryRun = False, partial: Partial = False, as_json: Json = False
) -> None:
    """Load known errors from JSON lines, JSON or CSV."""
    _load("known-errors", files, dry_run=dry_run, partial=partial, as_json=as_json)


changes.command("assess")(assess)
incidents.command("groups")(groups)


@changes.command("load")
def load_changes(
    files: FileNames, dry_run: DryRun = False, partial: Partial = False, as_json: Json = False
) -> None:
    """Load changes from JSON lines, JSON or CSV."""
    _load("changes", files, dry_run=dry_run, partial=partial, as_json=as_json)


@feedback.command("load")
def load_feedback(
    files: FileNames, dry_run: DryRun = False, partial: Partial = False, as_json: Json = False
) -> None:
    """Load feedback from JSON lines, JSON or CSV; what it names must be there already."""
    _load("feedback", files, dry_run=dry_run, partial=partial, as_json=as_json)


@articles.command("load")
def load_articles(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder with Markdown files.")],
    dry_run: DryRun = False,
    partial: Partial = False,
    as_json: Json = False,
) -> None:
    """Load the articles of a folder: Markdown files with a YAML head."""
    files = uploads.files_in(folder, _ARTICLES)
    _load("articles", files, dry_run=dry_run, partial=partial, as_json=as_json)


def _load(noun: str, files: Sequence[str], *, dry_run: bool, partial: bool, as_json: bool) -> None:
    settings = begin()
    read = uploads.files_of(files)
    options = {"dry_run": str(dry_run).lower(), "partial": str(partial).lower()}
    with connected(settings) as client:
        report = uploads.load_files(client, f"/{noun}/imports", read, options)
        is_local = client.local is not None
    if as_json:
        terminal.print_json(report)
    else:
        load_text.show(report)
        if is_local and load_text.changed(report):
            terminal.note(
                "new texts are found by their words; `opsatlas reindex` encodes them,"
                " as does a running server"
            )
    if load_text.has_errors(report):
        raise typer.Exit(PROBLEMS)
