"""What the worker does: which handler runs which kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from api.inventory import IMPORT, run_import
from kb import indexing
from opsatlas.errors import UnavailableError
from opsatlas.settings import Settings
from opsatlas.worker import Handler
from search.warming import WarmingEmbedder


class StoppedError(UnavailableError):
    """The process ends in the middle of a job; another will go on with it."""

    code = "stopped"


def handlers(
    engine: Engine,
    embedder: WarmingEmbedder,
    settings: Settings,
    should_stop: Callable[[], bool] = lambda: False,
) -> Mapping[str, Handler]:
    """Job kinds and what runs them. Without the model, encoding is left to other processes."""

    def load(payload: dict[str, Any]) -> None:
        run_import(engine, settings, payload)

    found: dict[str, Handler] = {IMPORT: load}
    if settings.embedding_enabled:
        indexed = indexing.handlers(
            engine, embedder, batch_size=settings.embedding_batch_size, should_stop=should_stop
        )

        def encode(payload: dict[str, Any]) -> None:
            # A model that is still being loaded is no reason to use up one of the tries.
            embedder.wait()
            indexed[indexing.ENCODE](payload)
            if should_stop():
                raise StoppedError("the process was stopped before everything was encoded")

        found[indexing.ENCODE] = encode
    return found
