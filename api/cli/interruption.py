"""Ctrl-C while the application in this process writes: its unit of work is undone, and we know it.

A unit of work runs in a thread that cannot be stopped from outside. It asks here before each of
its statements and before it commits; so after Ctrl-C either it was done, or nothing was written.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Engine, event

from api.cli.failures import InterruptedByUserError


class Interruption:
    """Ends what uses `engine` at its next statement, once `stop` was called."""

    def __init__(self, engine: Engine) -> None:
        self._stopped = threading.Event()
        event.listen(engine, "before_cursor_execute", self._check)
        event.listen(engine, "commit", self._check)

    def stop(self) -> None:
        """Let no further statement and no commit through."""
        self._stopped.set()

    def _check(self, *_details: Any) -> None:
        if self._stopped.is_set():
            raise InterruptedByUserError("interrupted; nothing was written")
