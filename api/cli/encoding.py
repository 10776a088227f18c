"""Encoding in this process what no model has read yet, with progress; each finished batch stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.cli import progress, terminal
from api.cli.failures import InterruptedByUserError

if TYPE_CHECKING:
    from api.services import Services


def encode_pending(held: Services) -> int:
    """Encode every passage without a vector; returns how many.

    Raises ModelUnavailableError where there is no model, InterruptedByUserError after Ctrl-C.
    """
    from opsatlas.db.transaction import reading
    from search.encoding import count_missing

    done = 0
    with reading(held.engine) as session:
        missing = count_missing(session, held.embedder.model_id)
    if missing:
        done = _encode(held, missing)
    _end_jobs(held)
    return done


def _encode(held: Services, missing: int) -> int:
    from search.embedder import ModelUnavailableError
    from search.encoding import encode_missing

    with terminal.waiting("loading the embedding model"):
        if not held.embedder.wait():
            raise held.embedder.error or ModelUnavailableError("there is no embedding model")
    done = 0
    with progress.shown("encoding", "passages") as report:

        def count(finished: int, total: int) -> None:
            nonlocal done
            done = finished
            report(finished, total)

        try:
            return encode_missing(
                held.engine,
                held.embedder,
                batch_size=held.settings.embedding_batch_size,
                progress=count,
            )
        except KeyboardInterrupt:
            raise InterruptedByUserError(
                f"interrupted; {done:,} of {missing:,} passages were encoded and are kept",
                hint="the same command goes on from there",
            ) from None


def _end_jobs(held: Services) -> None:
    """The jobs that wait for this find nothing left to do; a server need not look at them."""
    from kb import indexing
    from opsatlas.worker import Worker

    batch = held.settings.embedding_batch_size
    Worker(
        held.engine, indexing.handlers(held.engine, held.embedder, batch_size=batch)
    ).run_pending()
