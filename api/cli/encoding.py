"""Encoding in this process what no model has read yet, with progress; each finished batch stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from api.cli import progress, terminal
from api.cli.failures import InterruptedByUserError

if TYPE_CHECKING:
    from api.services import Services
    from opsatlas.worker import Worker
    from search.warming import WarmingEmbedder

_LOOK_EVERY = 0.5
"""Seconds between two looks at how far another process is."""


def encode_pending(held: Services) -> int:
    """Encode every passage without a vector, in the space that answers come from and in that of
    the settings, which then serves where no other process wants another; returns how many.

    Raises ModelUnavailableError where there is no model, InterruptedByUserError after Ctrl-C.
    """
    from kb.documents import ENCODE
    from search.space_keeper import fill_kind

    held.space_keeper.start()
    serving, wanted = held.models.serving, held.models.wanted
    if serving is wanted:
        return _Encoding(held, wanted, ENCODE, "encoding").run()
    terminal.note(
        f"{serving.model_id} serves until all is encoded anew for {wanted.model_id},"
        " the model of the settings"
    )
    done = 0
    with terminal.waiting("loading the embedding models"):
        there = serving.wait()
    if there:
        done += _Encoding(held, serving, ENCODE, "encoding").run()
    else:
        terminal.note(f"what is new is not encoded for {serving.model_id}: {serving.error}")
    kind = fill_kind(wanted.model_id)
    done += _Encoding(held, wanted, kind, "encoding anew").run()
    if held.space_keeper.look().model_id == wanted.model_id:
        terminal.note(f"{wanted.model_id} serves now")
    else:
        terminal.note(
            f"{wanted.model_id} is whole, and serves once no running process wants another:"
            " start the servers anew with these settings"
        )
    return done


class _Encoding:
    """One kind of encoding job, run here; where another process is at it, that one is watched."""

    def __init__(self, held: Services, embedder: WarmingEmbedder, kind: str, doing: str) -> None:
        self._held = held
        self._embedder = embedder
        self._kind = kind
        self._doing = doing
        self._done = 0
        self._failed: BaseException | None = None

    def run(self) -> int:
        """Returns how many passages this process encoded."""
        missing = self._missing()
        if missing:
            self._wait_for_the_model()
            with progress.shown(self._doing, "passages") as report:
                try:
                    self._encode(missing, report)
                except KeyboardInterrupt:
                    raise InterruptedByUserError(
                        f"interrupted; {self._done:,} of {missing:,} passages were encoded"
                        " and are kept",
                        hint="the same command goes on from there",
                    ) from None
        self._worker(lambda _finished, _total: None).run_pending()  # nothing is left to do for it
        return self._done

    def _encode(self, missing: int, report: Callable[[int, int], None]) -> None:
        worker = self._worker(report)
        left = missing
        while left:
            self._enqueue()
            if not worker.run_one():
                time.sleep(_LOOK_EVERY)
            if self._failed is not None:
                self._enqueue()  # whoever comes next need not wait for anything
                raise self._failed
            left = self._missing()
            report(max(missing - left, 0), missing)

    def _enqueue(self) -> None:
        from opsatlas import jobs
        from opsatlas.db.transaction import transaction

        with transaction(self._held.engine) as session:
            jobs.enqueue(session, self._kind, {}, unique_key=self._kind)

    def _worker(self, report: Callable[[int, int], None]) -> Worker:
        from opsatlas.worker import Worker
        from search.encoding import encode_missing

        settings = self._held.settings

        def encode(_payload: dict[str, Any]) -> None:
            before = self._done

            def count(finished: int, total: int) -> None:
                self._done = before + finished
                report(finished, total)

            try:
                encode_missing(
                    self._held.engine,
                    self._embedder,
                    batch_size=settings.embedding_batch_size,
                    progress=count,
                )
            except BaseException as error:  # Ctrl-C too: the job is ended in good order
                self._failed = error

        return Worker(self._held.engine, {self._kind: encode}, lease=settings.job_lease)

    def _missing(self) -> int:
        from opsatlas.db.transaction import reading
        from search.encoding import count_missing

        with reading(self._held.engine) as session:
            return count_missing(session, self._embedder.model_id)

    def _wait_for_the_model(self) -> None:
        from search.embedder import ModelUnavailableError

        with terminal.waiting("loading the embedding model"):
            if not self._embedder.wait():
                raise self._embedder.error or ModelUnavailableError("there is no embedding model")
