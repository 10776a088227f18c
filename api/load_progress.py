"""How far the loads that jobs carry out are: for who asks this process, and for other processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from cmdb.load_progress import Phase, Progress
from cmdb.models import ImportRun, ImportState
from cmdb.schemas import LoadProgress
from opsatlas.db.transaction import transaction
from opsatlas.errors import UnavailableError

_KEPT_EVERY = 2.0
"""Seconds between two rows that other processes see."""


class LoadBoard:
    """The loads that run in this process, by import run."""

    def __init__(self) -> None:
        self._of: dict[int, LoadProgress] = {}

    def of(self, run_id: int) -> LoadProgress | None:
        """How far a load is; None where another process has it, or none."""
        return self._of.get(run_id)

    @contextmanager
    def telling(self, engine: Engine, run_id: int) -> Iterator[Progress]:
        """What a load is to tell meanwhile.

        On SQLite a load holds the database while it writes, so that nothing can be kept beside it:
        there the process that loads is alone in knowing how far it is.
        """
        kept = time.monotonic()

        def tell(phase: Phase, done: int, total: int | None) -> None:
            nonlocal kept
            self._of[run_id] = LoadProgress(phase=phase, done=done, total=total)
            if engine.dialect.name == "postgresql" and time.monotonic() - kept >= _KEPT_EVERY:
                kept = time.monotonic()
                _keep(engine, run_id, self._of[run_id])

        try:
            yield tell
        finally:
            self._of.pop(run_id, None)


def _keep(engine: Engine, run_id: int, progress: LoadProgress) -> None:
    with suppress(UnavailableError, OperationalError), transaction(engine) as session:
        session.execute(
            update(ImportRun)
            .where(ImportRun.id == run_id, ImportRun.state == ImportState.RUNNING)
            .values(progress=progress.model_dump(mode="json"))
        )
