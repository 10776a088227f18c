"""What one process holds while it serves: settings, database, caches, model, worker."""

from __future__ import annotations

import threading
from typing import Literal

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api import keys
from api.cmdb_health import DailyRecord
from api.jobs import handlers, sync_handlers
from api.key_uses import KeyUses
from api.known_keys import KnownKeys
from api.live import LiveWatch
from api.load_progress import LoadBoard
from api.syncs import queue_due
from cmdb.duplicates import DuplicateCache
from cmdb.health_cache import HealthCache
from cmdb.load_progress import Progress, untold
from cmdb.priority import PriorityMatrix
from cmdb.pulling.sources import read_sync_sources
from cmdb.saved_graphs import SavedGraphs
from cmdb.snapshots import GraphCache
from kb.indexing import enqueue_encoding
from kb.weak_points import WeakPointFinder
from kb.writing import WritePolicy
from opsatlas.actor import Actor
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.kept_reader import kept_reader
from opsatlas.db.transaction import transaction
from opsatlas.errors import UnavailableError
from opsatlas.logs import log
from opsatlas.settings import Settings
from opsatlas.worker import Worker
from search.encoding import count_missing
from search.model_choice import chosen_model
from search.retriever import Retriever
from search.warming import WarmingEmbedder

ModelState = Literal["ready", "warming_up", "unavailable", "disabled"]


class Services:
    """Made once a process; `start` opens what costs time, `stop` closes it.

    `local_actor` is set where no key is asked for: on the command line, in the process of whoever
    can read the database anyway.
    """

    def __init__(self, settings: Settings, local_actor: Actor | None = None) -> None:
        self.settings = settings
        self.syncs = read_sync_sources(settings.sync_sources)
        self.local_actor = local_actor
        self.local_progress: Progress = untold
        """Told how far a load is that a request carries out; the command line's own."""
        self.load_board = LoadBoard()
        self.engine: Engine = open_engine(settings)
        self.pepper = keys.pepper(settings)
        self.key_uses = KeyUses(self.engine)
        self.known_keys = KnownKeys()
        self.reader = kept_reader(self.engine)
        self.priority_matrix = PriorityMatrix.from_mapping(settings.priority_matrix)
        self.write_policy = WritePolicy(settings.search_passage_words, self.priority_matrix)
        self.graphs = GraphCache(
            SavedGraphs(self.engine, settings.data_dir) if settings.graph_save else None
        )
        self.live = LiveWatch(self.engine, self.graphs, settings)
        self.weak_points = WeakPointFinder(self.graphs, settings.weak_points_budget)
        self.duplicates = DuplicateCache()
        self.health = HealthCache()
        model = chosen_model(settings)
        self.embedder = WarmingEmbedder(
            load=model.load,
            model_id=model.model_id,
            dimensions=model.dimensions,
            on_ready=self._encode_what_is_left,
        )
        self.retriever = Retriever(
            self.engine, self.embedder, candidates=settings.search_candidates
        )
        self._stopping = threading.Event()
        self.worker = Worker(
            self.engine,
            handlers(self.engine, self.embedder, settings, self._stopping.is_set, self.load_board),
            poll_interval=settings.job_poll_interval,
            lease=settings.job_lease,
            max_attempts=settings.job_max_attempts,
            chore=DailyRecord(self.engine, settings),
        )
        self.sync_worker = Worker(
            self.engine,
            sync_handlers(self.engine, settings, self.syncs, self._stopping.is_set),
            poll_interval=settings.job_poll_interval,
            lease=settings.job_lease,
            max_attempts=settings.job_max_attempts,
            chore=lambda: queue_due(self.engine, self.syncs),
        )

    def model_state(self) -> tuple[ModelState, str | None]:
        """How the embedding model stands, and why it is unavailable where it is."""
        if self.embedder.ready:
            return "ready", None
        if not self.settings.embedding_enabled:
            return "disabled", None
        error = self.embedder.error
        return ("warming_up", None) if error is None else ("unavailable", str(error))

    def start(self, *, background: bool = True) -> None:
        """Bring the database to the newest schema; warm the model and start the worker if asked."""
        migrate.upgrade(self.engine)
        if background:
            self.graphs.compile_from = self.settings.impact_compile_from
            if self.settings.embedding_enabled:
                self.embedder.start()
            self.worker.start()
            if self.syncs:
                self.sync_worker.start()
            self.key_uses.start()
            self.live.start()

    def stop(self) -> None:
        """Let the running job end, give the connections back."""
        self._stopping.set()
        self.live.stop()
        self.worker.stop()
        self.sync_worker.stop()
        self.key_uses.stop()
        self.embedder.stop()
        if self.reader is not None:
            self.reader.close()
        self.engine.dispose()

    def _encode_what_is_left(self) -> None:
        """Queue what was loaded while there was no model, or by a process that ended too early."""
        try:
            with transaction(self.engine) as session:
                if count_missing(session, self.embedder.model_id):
                    enqueue_encoding(session)
        except (OperationalError, UnavailableError):
            log.warning("encoding_not_queued", exc_info=True)
        self.worker.wake()
