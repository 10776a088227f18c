"""Notes when keys were last used, beside the requests: reading must never wait for a writer."""

import threading
from contextlib import suppress

from sqlalchemy import Engine

from api import keys
from opsatlas.db.transaction import DatabaseBusyError, transaction
from opsatlas.logs import log


class KeyUses:
    """Collects uses and writes them from a thread of its own, a second or so later."""

    def __init__(self, engine: Engine, interval: float = 1.0) -> None:
        self._engine = engine
        self._interval = interval
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what was collected, unless the database is busy."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(self._interval + 1)

    def add(self, key_id: int) -> None:
        """A key was used just now."""
        with self._lock:
            self._used.add(key_id)

    def flush(self) -> None:
        """Write what was collected so far."""
        with self._lock:
            used, self._used = self._used, set()
        if not used:
            return
        try:
            with transaction(self._engine) as session:
                for key_id in sorted(used):
                    keys.note_use(session, key_id)
        except DatabaseBusyError:
            with self._lock:
                self._used |= used

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.flush()
            except Exception:
                # A database that is away must not end the notes for good.
                log.warning("key_uses_not_noted", exc_info=True)
        with suppress(Exception):
            self.flush()
