"""Ctrl-C while the application in this process writes: its unit of work is undone, and we know it.

A unit of work runs in a thread that cannot be stopped from outside. It asks here before each of
its statements and before it commits; so after Ctrl-C either it was done, or nothing was written.
What then says that it ended, and frees its place, is let through.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, Engine, event

from api.cli.failures import NOTHING_WRITTEN, InterruptedByUserError
from opsatlas.db.engine import TIDIES_UP


class Interruption:
    """Ends what uses `engine` at its next statement, once `stop` was called."""

    def __init__(self, engine: Engine) -> None:
        self._stopped = threading.Event()
        event.listen(engine, "before_cursor_execute", self._check)
        event.listen(engine, "commit", self._check)

    def stop(self) -> None:
        """Let no further statement and no commit of a unit of work through."""
        self._stopped.set()

    def _check(self, connection: Connection, *_details: Any) -> None:
        if self._stopped.is_set() and not connection.get_execution_options().get(TIDIES_UP):
            raise InterruptedByUserError(NOTHING_WRITTEN)
