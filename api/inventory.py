"""Loading an inventory, at once or in the background: the units of work around `cmdb.load`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api.load_progress import LoadBoard
from cmdb import import_runs
from cmdb.importers.records import InputFile
from cmdb.load import own_mapping, parse
from cmdb.load_options import LoadLimits, LoadOptions, check_options
from cmdb.load_progress import Progress, untold
from cmdb.models import ImportState
from cmdb.problems import problem
from cmdb.schemas import ImportReport, Severity
from kb.inventory import load_inventory
from opsatlas import jobs
from opsatlas.actor import Actor, Role
from opsatlas.db.statistics import refresh_statistics
from opsatlas.db.transaction import transaction
from opsatlas.errors import OpsAtlasError, UnavailableError
from opsatlas.logs import log
from opsatlas.settings import Settings

IMPORT = "cmdb.import"
"""Kind of the job that loads what was uploaded."""

_ENDED = (ImportState.DONE, ImportState.FAILED)


def load_now(
    engine: Engine,
    settings: Settings,
    files: Sequence[InputFile],
    options: LoadOptions,
    actor: Actor,
    progress: Progress = untold,
) -> ImportReport:
    """Load `files`; other writers wait only while the difference is written."""
    limits = LoadLimits.of(settings)
    parsed = parse(files, options, limits, progress)
    with transaction(engine) as session:
        report = load_inventory(session, parsed, options, actor, limits, progress=progress)
    refresh_statistics(engine)
    return report


def load_later(
    engine: Engine,
    settings: Settings,
    files: Sequence[InputFile],
    options: LoadOptions,
    actor: Actor,
) -> ImportReport:
    """Keep `files` for a job. Raises at once what is wrong with `options`.

    The source's mapping is kept with them: the job may run where that folder is another.
    """
    check_options(options)
    options = replace(options, mapping=own_mapping(options, LoadLimits.of(settings)))
    with transaction(engine) as session:
        run = import_runs.queue_run(session, files, options, actor)
        jobs.enqueue(session, IMPORT, {"run": run.id, **payload_of(actor)})
    return import_runs.report_of(run)


def run_import(
    engine: Engine, settings: Settings, payload: dict[str, Any], board: LoadBoard
) -> None:
    """The job: load what run `payload["run"]` waits with. A run that has ended is left alone.

    Only what may work later is raised, so that the job is tried again.
    """
    limits = LoadLimits.of(settings)
    actor = Actor(payload["actor"], Role(payload["role"]), payload["request_id"])
    with transaction(engine) as session:
        run = import_runs.get_run(session, payload["run"])
        if run.state in _ENDED:
            return
        run.state = ImportState.RUNNING
        options = import_runs.options_of(run)
        files = import_runs.files_of(session, run.id)
    try:
        with board.telling(engine, run.id) as progress:
            parsed = parse(files, options, limits, progress)
            with transaction(engine) as session:
                report = load_inventory(
                    session, parsed, options, actor, limits, run_id=run.id, progress=progress
                )
                import_runs.end_run(session, import_runs.get_run(session, run.id), report)
    except (UnavailableError, OperationalError):
        raise
    except Exception as error:
        log.warning("import_failed", run=run.id, exc_info=True)
        with transaction(engine) as session:
            run = import_runs.get_run(session, run.id)
            import_runs.end_run(session, run, _failed(import_runs.report_of(run), error))
    else:
        refresh_statistics(engine)


def payload_of(actor: Actor) -> dict[str, Any]:
    """What a job keeps of whoever asked for it."""
    return {"actor": actor.name, "role": actor.role.value, "request_id": actor.request_id}


def _failed(report: ImportReport, error: Exception) -> ImportReport:
    known = isinstance(error, OpsAtlasError)
    found = problem(
        error.code if isinstance(error, OpsAtlasError) else "internal_error",
        str(error) if known else "something went wrong here; the log has more",
    )
    changes = {
        "state": ImportState.FAILED.value,
        "progress": None,
        "problems": [found],
        "problem_counts": {Severity.ERROR: 1},
    }
    return report.model_copy(update=changes)
