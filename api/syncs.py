"""Pulling sources: runs queued and carried out, each page and the load in a unit of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.inventory import payload_of
from cmdb.importers.records import InputFile
from cmdb.load import parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.plan import Missing
from cmdb.pulling import runs
from cmdb.pulling.fetch import Fetcher, Patience, Pause
from cmdb.pulling.models import SyncMode, SyncRun
from cmdb.pulling.pull import pull
from cmdb.pulling.runs import SyncRunningError
from cmdb.pulling.sources import SyncSource
from kb.inventory import load_inventory
from opsatlas import jobs
from opsatlas.actor import SYSTEM, Actor, Role
from opsatlas.clock import now
from opsatlas.db.engine import TIDIES_UP
from opsatlas.db.transaction import DatabaseBusyError, reading, transaction
from opsatlas.errors import OpsAtlasError, UnavailableError
from opsatlas.logs import log
from opsatlas.settings import Settings

SYNC = "cmdb.sync"
"""Kind of the job that pulls a source."""

Sources = Mapping[str, SyncSource]


def queue_sync(
    engine: Engine, source: SyncSource, actor: Actor, *, full: bool, dry_run: bool, with_job: bool
) -> SyncRun:
    """A run that waits for a job, or without one for `run_sync`. Raises SyncRunningError."""
    with transaction(engine) as session:
        run = runs.queue(session, source, actor, full=full, dry_run=dry_run)
        if with_job:
            given = {"source": source.name, "run": run.id, **payload_of(actor)}
            jobs.enqueue(session, SYNC, given, unique_key=source.name)
    return run


def queue_due(engine: Engine, sources: Sources) -> None:
    """Queue a job for every source whose time has come. Several processes may do so at once."""
    moment = now()
    with reading(engine) as session:
        due = [each for each in sources.values() if runs.is_due(session, each, moment)]
    for source in due:
        with suppress(SyncRunningError):  # another process was quicker
            queue_sync(engine, source, SYSTEM, full=False, dry_run=False, with_job=True)


def run_job(
    engine: Engine, settings: Settings, sources: Sources, payload: dict[str, Any], pause: Pause
) -> None:
    """The job. Only what may work later is raised, so that it is tried again and goes on."""
    source = sources.get(payload["source"])
    if source is None:
        with transaction(engine) as session:
            runs.interrupt(session, payload["run"], "the settings no longer name this source")
        return
    actor = Actor(payload["actor"], Role(payload["role"]), payload["request_id"])
    try:
        run_sync(engine, settings, source, payload["run"], actor, pause)
    except (UnavailableError, OperationalError, SyncRunningError):
        raise
    except OpsAtlasError as error:
        log.warning("sync_failed", source=source.name, run=payload["run"], error=str(error))
    except Exception:
        log.warning("sync_failed", source=source.name, run=payload["run"], exc_info=True)


def run_sync(
    engine: Engine,
    settings: Settings,
    source: SyncSource,
    run_id: int,
    actor: Actor,
    pause: Pause,
) -> None:
    """Read what is still to be read of a run, and load it. A run that has ended is left alone.

    What goes wrong is kept with the run and raised: SyncRunningError, SourceUnavailableError,
    SourceRefusedError, and all that a load raises.
    """
    with transaction(engine) as session:
        run = runs.claim(session, run_id, settings.job_lease)
    if run is None:
        return
    with _held(engine, run_id, settings.job_lease):
        try:
            _read(engine, settings, source, run_id, pause)
            _load(engine, settings, source, run_id, actor)
        except Exception as error:
            told = str(error) if isinstance(error, OpsAtlasError) else _UNTOLD
            with transaction(engine.execution_options(**{TIDIES_UP: True})) as session:
                runs.interrupt(session, run_id, told)
            raise


_UNTOLD = "something went wrong here; the log has more"


def _read(
    engine: Engine, settings: Settings, source: SyncSource, run_id: int, pause: Pause
) -> None:
    headers, patience = source.headers(), Patience.of(settings)
    with transaction(engine) as session:
        run = runs.get_run(session, source.name, run_id)
        wanted, reached = runs.begin(session, source, run)
    with Fetcher(source.url, headers, patience, ca_file=source.ca_file, pause=pause) as fetcher:
        most = settings.import_max_records
        for page in pull(source.puller, wanted, fetcher, reached, max_records=most):
            with transaction(engine) as session:
                runs.keep_page(session, run_id, page)
            pause(0)  # where the process is to stop, this is the place


def _load(
    engine: Engine, settings: Settings, source: SyncSource, run_id: int, actor: Actor
) -> None:
    with reading(engine) as session:
        run = runs.get_run(session, source.name, run_id)
        full = run.mode == SyncMode.FULL
        files = _files(session, source, run)
        before = None if full else _files(session, source, run, earlier=True)
    if files == before:
        with transaction(engine) as session:
            runs.end(session, source, run_id, None)
        return
    options = LoadOptions(
        source=source.name,
        format=source.kind,
        dry_run=run.dry_run,
        missing=Missing.RETIRE if full and source.retire else Missing.KEEP,
        partial=source.partial,
    )
    limits = LoadLimits.of(settings)
    parsed = parse(files, options, limits)
    with transaction(engine) as session:
        report = load_inventory(session, parsed, options, actor, limits)
        runs.end(session, source, run_id, report)


def _files(
    session: Session, source: SyncSource, run: SyncRun, *, earlier: bool = False
) -> list[InputFile]:
    pages = runs.contents(session, run, earlier=earlier)
    return source.puller.files((name, json.loads(text)) for name, text in pages)


@contextmanager
def _held(engine: Engine, run_id: int, lease: float) -> Iterator[None]:
    """Renews the lease of a run meanwhile."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(lease / 3):
            # While the load itself holds the database, no one else can take the run either.
            with suppress(DatabaseBusyError, OperationalError), transaction(engine) as session:
                runs.renew(session, run_id, lease)

    thread = threading.Thread(target=renew, name="opsatlas-sync-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
