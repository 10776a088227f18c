"""The command `opsatlas`: its subcommands, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from api.cli import (
    apply,
    backup,
    demo,
    diff,
    doctor,
    duplicates,
    export,
    health,
    history,
    identification,
    impact,
    import_runs,
    keys,
    live,
    load,
    maintenance,
    merging,
    precedence,
    problems,
    reviews,
    serve,
    sources,
    suggest,
    suspects,
    sync,
    terminal,
    upkeep,
    view,
    vocabulary,
    weak_points,
)
from api.cli.failures import (
    DONE,
    INTERRUPTED,
    PROBLEMS,
    USAGE,
    InterruptedByUserError,
    ProblemError,
    UsageError,
    exit_code,
    problem_document,
)
from opsatlas.errors import OpsAtlasError

app = typer.Typer(
    name="opsatlas",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What is affected, what has worked before, what do we have.\n\n"
    "Commands work on the local database; with OPSATLAS_URL set they ask that server, with the"
    " key in OPSATLAS_API_KEY.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from opsatlas import __version__

        terminal.stdout.print(__version__)
        raise typer.Exit


@app.callback()
def opsatlas(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


for _name, _command in (
    ("demo", demo.demo),
    ("serve", serve.serve),
    ("load", load.load),
    ("sync", sync.sync),
    ("apply", apply.apply),
    ("impact", impact.impact),
    ("suspects", suspects.suspects),
    ("services", live.services),
    ("events", live.events),
    ("weak-points", weak_points.weak_points),
    ("view", view.view),
    ("diff", diff.diff),
    ("health", health.health),
    ("suggest", suggest.suggest),
    ("reindex", upkeep.reindex),
    ("doctor", doctor.doctor),
    ("backup", backup.backup),
    ("restore", backup.restore),
    ("export", export.export),
):
    app.command(_name)(_command)
for _name, _group in (
    ("incidents", history.incidents),
    ("known-errors", history.known_errors),
    ("problems", problems.problems),
    ("changes", history.changes),
    ("feedback", history.feedback),
    ("articles", history.articles),
    ("states", live.states),
    ("maintenance", maintenance.maintenance),
    ("sources", sources.sources),
    ("imports", import_runs.imports),
    ("reviews", reviews.reviews),
    ("duplicates", duplicates.duplicates),
    ("precedence", precedence.precedence),
    ("identification", identification.identification),
    ("ci", merging.ci),
    ("relationship-types", vocabulary.relationship_types),
    ("ci-classes", vocabulary.ci_classes),
    ("keys", keys.keys),
    ("db", upkeep.db),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """The console script."""
    # numpy's threads wait for each other spinning: a product of small matrices, as a question has
    # some, would keep a second core busy for twice as long as the question itself takes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    terminal.survive_any_encoding()
    os.environ.setdefault("TQDM_DISABLE", "1")  # of the model's loader, which nobody asked for
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Every error that it foresees is told, not raised."""
    as_json = "--json" in arguments
    try:
        # Standing alone, Typer itself tells what is wrong with a call, and exits.
        code = app(args=list(arguments), prog_name="opsatlas", standalone_mode=not as_json) or DONE
        if code == INTERRUPTED:
            raise InterruptedByUserError("interrupted before anything was done")
        return code
    except TyperException as error:
        terminal.print_json(problem_document(UsageError(error.format_message())))
        return USAGE
    except ProblemError as problem:
        _tell(problem.document, as_json)
        return exit_code(problem)
    except OpsAtlasError as error:
        _tell(problem_document(error), as_json)
        return exit_code(error)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing may be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEMS


def _tell(document: dict[str, object], as_json: bool) -> None:
    if as_json:
        terminal.print_json(document)
    else:
        terminal.print_problem(document)
