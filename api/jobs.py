"""What the worker does: which handler runs which kind of job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from api.cmdb_health import RECORD, run_record
from api.inventory import IMPORT, run_import
from api.load_progress import LoadBoard
from api.syncs import SYNC, Sources, run_job
from kb import indexing
from opsatlas.db.transaction import reading
from opsatlas.errors import UnavailableError
from opsatlas.settings import Settings
from opsatlas.worker import Handler
from search.held_models import HeldModels
from search.space_keeper import fill, fill_kind
from search.spaces import served


class StoppedError(UnavailableError):
    """The process ends in the middle of a job; another will go on with it."""

    code = "stopped"


def handlers(
    engine: Engine,
    models: HeldModels,
    settings: Settings,
    should_stop: Callable[[], bool] = lambda: False,
    board: LoadBoard | None = None,
) -> Mapping[str, Handler]:
    """Job kinds and what runs them. Without the model, encoding is left to other processes."""

    told = board or LoadBoard()

    def load(payload: dict[str, Any]) -> None:
        run_import(engine, settings, payload, told)

    def record(payload: dict[str, Any]) -> None:
        run_record(engine, settings, payload)

    found: dict[str, Handler] = {IMPORT: load, RECORD: record}
    if settings.embedding_enabled:

        def encode(payload: dict[str, Any]) -> None:
            with reading(engine) as session:
                models.see(served(session))
            embedder = models.serving
            # A model that is still being loaded is no reason to use up one of the tries.
            embedder.wait()
            indexing.handlers(
                engine, embedder, batch_size=settings.embedding_batch_size, should_stop=should_stop
            )[indexing.ENCODE](payload)
            if should_stop():
                raise StoppedError("the process was stopped before everything was encoded")

        found[indexing.ENCODE] = encode
    return found


def filling_handlers(
    engine: Engine,
    models: HeldModels,
    settings: Settings,
    should_stop: Callable[[], bool] = lambda: False,
) -> Mapping[str, Handler]:
    """The job that encodes everything anew for the model that the settings choose. It has a worker
    of its own: it may take hours."""

    def refill(_payload: dict[str, Any]) -> None:
        models.wanted.wait()
        fill(
            engine,
            models.wanted,
            batch_size=settings.embedding_batch_size,
            lease=settings.job_lease,
            should_stop=should_stop,
        )
        if should_stop():
            raise StoppedError("the process was stopped before everything was encoded anew")

    return {fill_kind(models.wanted_space.model_id): refill}


def sync_handlers(
    engine: Engine,
    settings: Settings,
    sources: Sources,
    should_stop: Callable[[], bool] = lambda: False,
) -> Mapping[str, Handler]:
    """The job that pulls a source. It has a worker of its own: it may wait long for others."""

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        while not should_stop():
            if (left := end - time.monotonic()) <= 0:
                return
            time.sleep(min(left, _LOOK_EVERY))
        raise StoppedError("the process was stopped before the source was read")

    def sync(payload: dict[str, Any]) -> None:
        run_job(engine, settings, sources, payload, pause)

    return {SYNC: sync}


_LOOK_EVERY = 0.2
"""Seconds of a pause after which a process looks whether it is to stop."""
