"""The live states of this process: looks at them again and again, and feeds who listens."""

from __future__ import annotations

import threading
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.event_feed import EventFeed
from cmdb.live_events import Steps, write_steps
from cmdb.live_states import LiveCache, LiveStates
from cmdb.snapshots import GraphCache
from cmdb.state_tracks import Patience
from opsatlas import revision
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import UnavailableError
from opsatlas.logs import log
from opsatlas.settings import Settings


class LiveWatch:
    """Writes events of what changed. Any number of processes may watch one database: each change is
    decided on under the write lock, by whoever is first."""

    def __init__(self, engine: Engine, graphs: GraphCache, settings: Settings) -> None:
        self._engine = engine
        self._graphs = graphs
        self._cache = LiveCache(graphs)
        self._patience = Patience(
            settings.state_debounce, settings.state_flap_changes, settings.state_flap_seconds
        )
        self._keep = settings.events_keep
        self._interval = settings.state_interval
        self.feed = EventFeed(engine, settings.events_max_listeners)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self, session: Session) -> LiveStates:
        """The live states as a session that has written nothing sees them."""
        return self._cache.current(session, now())

    def look(self) -> int:
        """Write what changed since somebody last looked; how many events that makes."""
        with reading(self._engine) as session:
            at = now()
            if not Steps(session, self._cache.current(session, at), at, self._patience).anything():
                return 0
        with transaction(self._engine) as session:
            revision.lock(session)
            at = now()
            live = self._cache.current(session, at)
            return write_steps(session, self._graphs, live, at, self._patience, keep=self._keep)

    def follow_write(self) -> None:
        """Look at once, after what this process wrote; if that cannot be, the next look will do."""
        with suppress(UnavailableError):
            self.look()
        self._wake.set()

    def start(self) -> None:
        """Look again and again, in a thread."""
        self.feed.open()
        self._thread = threading.Thread(target=self._run, name="opsatlas-live", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End the thread, and the streams of all listeners."""
        self.feed.close()
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
                self.feed.publish()
            except Exception:
                # The database may be away for a while; the watch must outlive that.
                log.warning("live_states_not_seen", exc_info=True)
            self._wake.wait(self._interval)
            self._wake.clear()
