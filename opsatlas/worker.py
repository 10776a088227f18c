"""The worker thread: takes jobs from the table and runs their handlers, one at a time."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine

from opsatlas import jobs
from opsatlas.db.transaction import DatabaseBusyError, transaction
from opsatlas.logs import log

Handler = Callable[[dict[str, Any]], None]
"""Runs one job from its payload; opens its own units of work; an exception means "try again"."""


class Worker:
    """Runs jobs until stopped. Several workers, in one process or many, share the work."""

    def __init__(
        self,
        engine: Engine,
        handlers: Mapping[str, Handler],
        *,
        poll_interval: float = 0.5,
        lease: float = 60.0,
        max_attempts: int = 5,
        chore: Callable[[], None] = lambda: None,
    ) -> None:
        """`chore` is done before every look for jobs: it may queue some."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._handlers = dict(handlers)
        self._poll_interval = poll_interval
        self._lease = lease
        self._max_attempts = max_attempts
        self._chore = chore
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="opsatlas-worker", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Finish the running job, if it ends within `timeout` seconds, and take no other."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """Look for jobs now instead of at the next poll."""
        self._wake.set()

    def run_pending(self) -> int:
        """Run every job that is due, in this thread; returns how many were run."""
        done = 0
        while not self._stop.is_set() and self.run_one():
            done += 1
        return done

    def run_one(self) -> bool:
        """Run the next job that is due; False where there was none."""
        with transaction(self._engine) as session:
            job = jobs.claim(session, self.name, list(self._handlers), self._lease)
        if job is None:
            return False
        ended = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(job.id, ended), daemon=True)
        renewer.start()
        try:
            self._handlers[job.kind](job.payload)
        except Exception as error:
            log.warning(
                "job_failed", job=job.id, kind=job.kind, attempt=job.attempts, exc_info=True
            )
            with transaction(self._engine) as session:
                text = f"{type(error).__name__}: {error}"
                jobs.fail(session, job, self.name, text, self._max_attempts)
        else:
            with transaction(self._engine) as session:
                jobs.finish(session, job.id, self.name)
        finally:
            ended.set()
        return True

    def _renew(self, job_id: int, ended: threading.Event) -> None:
        while not ended.wait(self._lease / 3):
            # While the job itself holds the database, no one else can take its lease either.
            with suppress(DatabaseBusyError), transaction(self._engine) as session:
                jobs.renew(session, job_id, self.name, self._lease)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._chore()
                self.run_pending()
            except Exception:
                # The database may be away for a while; the worker must outlive that.
                log.warning("worker_cannot_reach_jobs", exc_info=True)
            self._wake.wait(self._poll_interval)
            self._wake.clear()
