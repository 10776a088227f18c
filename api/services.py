"""What one process holds while it serves: settings, database, caches, model, worker."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Literal

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api import keys
from api.cmdb_health import DailyRecord
from api.jobs import filling_handlers, handlers, sync_handlers
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
from kb.closures import Closures
from kb.duplicates import DuplicatePolicy
from kb.indexing import enqueue_encoding
from kb.weak_points import WeakPointFinder
from kb.writing import WritePolicy
from opsatlas.actor import Actor
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.kept_reader import kept_reader
from opsatlas.db.statistics import refresh_statistics
from opsatlas.db.transaction import transaction
from opsatlas.errors import UnavailableError
from opsatlas.logs import log
from opsatlas.settings import Settings
from opsatlas.worker import Worker
from search import vector_choice
from search.embedder import Embedder
from search.encoding import is_whole
from search.held_models import HeldModels
from search.model_choice import ModelChoice, chosen_model
from search.retriever import Retriever
from search.saved_index import SavedIndexes
from search.space_keeper import SpaceKeeper
from search.spaces import Space, served
from search.warming import WarmingEmbedder

ModelState = Literal["ready", "warming_up", "unavailable", "disabled"]

_SETTLED = 5.0
"""Seconds from the first question until what would only disturb the next ones may begin."""


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
        self.duplicate_policy = DuplicatePolicy(
            timedelta(seconds=settings.duplicates_window),
            settings.duplicates_looked_at,
            settings.duplicates_grouped,
        )
        self.closures = Closures()
        self.health = HealthCache()
        self._chosen = chosen_model(settings)
        self.models = HeldModels(self._chosen.space, self._warming)
        self.retriever = Retriever(
            self.engine,
            self.models.wanted,
            candidates=settings.search_candidates,
            vector_index=settings.vector_index,
            vector_precision=settings.vector_precision,
            saved=self._saved_indexes(),
            embedder_of=self.models.of,
        )
        self._stopping = threading.Event()
        self.worker = Worker(
            self.engine,
            handlers(self.engine, self.models, settings, self._stopping.is_set, self.load_board),
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
        self.filling_worker = Worker(
            self.engine,
            filling_handlers(self.engine, self.models, settings, self._stopping.is_set),
            poll_interval=settings.job_poll_interval,
            lease=settings.job_lease,
            max_attempts=settings.job_max_attempts,
        )
        self.space_keeper = SpaceKeeper(
            self.engine,
            self.models,
            self.worker.name,
            lease=settings.job_lease,
            grace=settings.embedding_grace,
            in_use=lambda: self.retriever.model_id,
            follow=self._open_index,
        )

    def model_state(self) -> tuple[ModelState, str | None]:
        """How the embedding model that answers come from stands, and why it is unavailable."""
        return self._state_of(self.models.serving)

    def next_model_state(self) -> tuple[ModelState | None, str | None]:
        """The same of the model that the settings choose, while another one still serves."""
        following = self.models.wanted
        return (None, None) if following is self.models.serving else self._state_of(following)

    def _state_of(self, embedder: WarmingEmbedder) -> tuple[ModelState, str | None]:
        if embedder.ready:
            return "ready", None
        if not self.settings.embedding_enabled:
            return "disabled", None
        error = embedder.error
        return ("warming_up", None) if error is None else ("unavailable", str(error))

    def start(self, *, background: bool = True) -> None:
        """Bring the database to the newest schema; warm the model and start the worker if asked."""
        migrate.upgrade(self.engine)
        vector_choice.prepare(self.engine, self.settings.vector_index)
        if background:
            refresh_statistics(self.engine)
            self.graphs.compile_from = self.settings.impact_compile_from
            self.graphs.compile_delay = _SETTLED
            if self.settings.embedding_enabled:
                self.space_keeper.start()
                self.models.start()
                self.filling_worker.start()
            threading.Thread(target=self._open_index, name="open-index").start()
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
        self.filling_worker.stop()
        self.space_keeper.stop()
        self.key_uses.stop()
        self.retriever.stop()
        self.models.stop()
        if self.reader is not None:
            self.reader.close()
        self.engine.dispose()

    def _saved_indexes(self) -> SavedIndexes | None:
        """Where large indexes are kept in files; pgvector's is in the database."""
        kept = self.settings.index_save and self.settings.vector_index != vector_choice.PGVECTOR
        return SavedIndexes(self.engine, self.settings.data_dir) if kept else None

    def _warming(self, space: Space) -> WarmingEmbedder:
        """The model of a space, not started yet: the settings' own, or as it was declared."""

        def load() -> Embedder:
            if space == self._chosen.space:
                return self._chosen.load()
            return ModelChoice.of(space, threads=self.settings.embedding_threads).load()

        return WarmingEmbedder(
            load=load,
            model_id=space.model_id,
            dimensions=space.dimensions,
            on_ready=lambda: self._encode_what_is_left(space),
        )

    def _open_index(self) -> None:
        """Have the search index ready before the first question; that would wait for it."""
        try:
            self.retriever.prepare()
        except Exception as error:  # the first question tries again, and tells
            log.warning("search_index_not_opened", reason=repr(error))

    def _encode_what_is_left(self, space: Space) -> None:
        """Queue what was loaded while there was no model, or by a process that ended too early."""
        try:
            with transaction(self.engine) as session:
                serves = space == (served(session) or self._chosen.space)
                if serves and not is_whole(session, space.model_id):
                    enqueue_encoding(session)
        except (OperationalError, UnavailableError):
            log.warning("encoding_not_queued", exc_info=True)
        self.worker.wake()
        self.space_keeper.wake()
