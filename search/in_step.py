"""Keeping a collection in memory in step with SQL.

Before each question one look-up of the newest revision; then a delta while it is small, or a
rebuild beside the old collection when it is large, swapped in with one assignment.
"""

import threading
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.db.transaction import reading
from opsatlas.revision import ChangeSet
from search import repository
from search.collection import Collection
from search.documents import DOCUMENT_CHANGED
from search.encoding import VECTORS_CHANGED

# More changed documents than this are read anew in the background instead of in a question's way:
# one costs about a millisecond.
LARGEST_DELTA = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    collection: Collection
    revision: int


class CollectionInStep:
    """One a process; any thread may ask for the `current` collection."""

    def __init__(
        self, engine: Engine, model_id: str, dimensions: int, vector_index: str = "flat"
    ) -> None:
        self._engine = engine
        self._model_id = model_id
        self._dimensions = dimensions
        self._vector_index = vector_index
        self._state: _State | None = None
        self._changing = threading.Lock()
        self._rebuild: threading.Thread | None = None

    def current(self) -> tuple[Collection, bool]:
        """The collection, and whether it holds all that is committed.

        It does not only while a large change is being read beside it. The first call builds it.
        """
        with reading(self._engine) as session:
            newest = revision.newest(session)
        state = self._state
        if state is None or state.revision != newest:
            with self._changing:
                state = self._state
                if state is None:
                    state = self._state = self._build()
                elif not self._rebuilding():
                    state = self._state = self._advance(state)
        return state.collection, state.revision >= newest

    def refresh(self) -> Collection:
        """The collection with all that is committed, however long that takes."""
        rebuild = self._rebuild
        if rebuild is not None:
            rebuild.join()
        collection, whole = self.current()
        if whole:
            return collection
        with self._changing:
            self._state = self._build()
            return self._state.collection

    def _advance(self, state: _State) -> _State:
        """The state after what has changed; the same one where that is read beside it instead."""
        with reading(self._engine) as session:
            changes = revision.changed_since(
                session, state.revision, (DOCUMENT_CHANGED, VECTORS_CHANGED)
            )
            if changes is None or _size(changes) > LARGEST_DELTA:
                self._rebuild_beside()
                return state
            self._apply(session, state.collection, changes)
        if state.collection.worn:
            self._rebuild_beside()
        return _State(state.collection, changes.revision)

    def _apply(self, session: Session, collection: Collection, changes: ChangeSet) -> None:
        documents = changes.ids[DOCUMENT_CHANGED]
        vectors = changes.ids[VECTORS_CHANGED] | documents
        if not vectors:
            return
        entries = list(repository.entries(session, sorted(documents)))
        collection.apply(
            entries,
            repository.document_vectors(session, self._model_id, sorted(vectors)),
            remove=documents.difference(entry.id for entry in entries),
        )

    def _build(self) -> _State:
        collection = Collection(self._dimensions, self._vector_index)
        with reading(self._engine) as session:
            newest = revision.newest(session)
            collection.apply(
                list(repository.entries(session)),
                repository.document_vectors(session, self._model_id),
            )
        return _State(collection, newest)

    def _rebuilding(self) -> bool:
        return self._rebuild is not None and self._rebuild.is_alive()

    def _rebuild_beside(self) -> None:
        if not self._rebuilding():
            self._rebuild = threading.Thread(target=self._swap, name="search-rebuild", daemon=True)
            self._rebuild.start()

    def _swap(self) -> None:
        try:
            built = self._build()
        except Exception:  # the old collection goes on; the next question starts another try
            _log.exception("search_rebuild_failed")
        else:
            with self._changing:
                self._state = built


def _size(changes: ChangeSet) -> int:
    return len(changes.ids[DOCUMENT_CHANGED] | changes.ids[VECTORS_CHANGED])
