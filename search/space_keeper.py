"""What a running process does for its vector space: wants it, fills it, follows the one that serves
(the rules are in `spaces.py`)."""

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from opsatlas import jobs
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import UnavailableError
from opsatlas.logs import log
from search import spaces
from search.embedder import Embedder
from search.encoding import encode_missing, is_whole
from search.held_models import HeldModels
from search.spaces import Space

_LOGGED_EVERY = 30.0
"""Seconds between two log lines that say how far the filling is."""


def fill_kind(model_id: str) -> str:
    """The kind of the job that fills a space: only who holds its model takes it."""
    return f"search.fill:{model_id}"


def fill(
    engine: Engine,
    embedder: Embedder,
    *,
    batch_size: int,
    lease: float,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """The body of the filling job: encode what the model has not, then let its space serve if all
    want it; returns how many texts were encoded. What is encoded stays, however it ends.

    Raises ModelUnavailableError where the model is not there.
    """
    model_id = embedder.model_id
    done = 0
    while not should_stop():
        done += encode_missing(
            engine,
            embedder,
            batch_size=batch_size,
            progress=progress or _Logged(model_id),
            should_stop=should_stop,
        )
        with transaction(engine) as session:
            _tell(spaces.settle(session, lease))
        with reading(engine) as session:
            if is_whole(session, model_id):  # else written since; or it was stopped
                break
    return done


class SpaceKeeper:
    """One a process that has a model: a thread that renews its wish and looks what serves."""

    def __init__(
        self,
        engine: Engine,
        models: HeldModels,
        process: str,
        *,
        lease: float,
        grace: float,
        in_use: Callable[[], str],
        follow: Callable[[], None] = lambda: None,
    ) -> None:
        """`process` names this one among all; its wish ends `lease` seconds after it fell silent.

        `grace` is how many seconds vectors are kept that nobody wants; `in_use` tells the model id
        of the collection that answers right now, which may follow a switch with some delay;
        `follow` has one begin to be read, so that no question has to.
        """
        self._engine = engine
        self._models = models
        self._process = process
        self._lease = lease
        self._grace = grace
        self._in_use = in_use
        self._follow = follow
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Say what is wanted, then go on in a thread of its own."""
        self._look_safely()
        self._thread = threading.Thread(target=self._run, name="vector-spaces", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the wish back: others need not wait for this process."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            try:
                with transaction(self._engine) as session:
                    spaces.withdraw(session, self._process)
            except (OperationalError, UnavailableError):
                log.info("wish_not_withdrawn", exc_info=True)  # it ends by itself

    def wake(self) -> None:
        """Look now instead of at the next time."""
        self._wake.set()

    def look(self) -> Space:
        """Renew the wish, go over where that is due, and see to what is wanted; what serves."""
        wanted = self._models.wanted_space
        with transaction(self._engine) as session:
            spaces.declare(session, self._process, wanted)
            _tell(spaces.settle(session, self._lease))
            serving = spaces.served(session) or wanted
        self._models.see(serving)
        self._models.keep_only(self._in_use())
        if serving != wanted and self._models.wanted.ready:
            with reading(self._engine) as session:
                whole = is_whole(session, wanted.model_id)
            if not whole:
                kind = fill_kind(wanted.model_id)
                with transaction(self._engine) as session:
                    jobs.enqueue(session, kind, {}, unique_key=kind)
        return serving

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._lease / 3)
            self._wake.clear()
            if not self._stop.is_set():
                self._look_safely()
                if self._models.serving.model_id != self._in_use():
                    self._follow()

    def _look_safely(self) -> None:
        try:
            self.look()
            spaces.prune_retired(self._engine, self._grace, should_stop=self._stop.is_set)
        except (OperationalError, UnavailableError):
            log.warning("vector_spaces_not_seen_to", exc_info=True)  # the next look will


class _Logged:
    """Says in the log how far the filling is, now and then."""

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self._told = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._told >= _LOGGED_EVERY or done >= total:
            self._told = time.monotonic()
            log.info("vector_space_filling", model_id=self._model_id, encoded=done, to_do=total)


def _tell(served: Space | None) -> None:
    if served is not None:
        log.info("vector_space_serves", model_id=served.model_id, dimensions=served.dimensions)
