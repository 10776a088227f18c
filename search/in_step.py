"""Keeping a collection in step with SQL.

Before each question one look-up of the newest revision; then a delta while it is small. A large
delta is read in the background, piece by piece, into the same collection, while what comes after
it is in at once. Only where nobody knows what has changed, or another space serves, a collection
is built beside the old one and swapped in with one assignment. A collection holds the vectors of
one space.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.collector import spare_what_lives
from opsatlas.db.transaction import reading
from opsatlas.errors import UnavailableError
from search import repository
from search.collection import Collection
from search.documents import DOCUMENT_CHANGED
from search.encoding import VECTORS_CHANGED
from search.in_memory import VectorsInMemory
from search.lexical import LexicalIndex
from search.meaning import Meaning
from search.saved_index import SavedIndexes
from search.saving import Saver, Taken
from search.spaces import Space, served

# More changed documents than this are read in the background instead of in a question's way, so
# many at a time: one costs about a millisecond.
LARGEST_DELTA = 200
_BUILT_AT_A_TIME = 2_000
_PAUSE = 0.005
"""Seconds between two pieces in which questions bring in what is newer."""

_log = structlog.get_logger(__name__)

_CHANGES = (DOCUMENT_CHANGED, VECTORS_CHANGED)


@dataclass(frozen=True, slots=True)
class _Due:
    """Documents of which SQL knows something newer than the collection."""

    whole: set[int] = field(default_factory=set)
    """By id, those of which texts may have changed."""
    vectors: set[int] = field(default_factory=set)
    """Those of which no more than vectors came."""

    def __len__(self) -> int:
        return len(self.whole) + len(self.vectors - self.whole)

    def add(self, other: "_Due") -> None:
        self.whole.update(other.whole)
        self.vectors.update(other.vectors)

    def drop(self, other: "_Due") -> None:
        """`other` is in, read from SQL as it is now."""
        self.whole.difference_update(other.whole)
        self.vectors.difference_update(other.whole, other.vectors)

    def piece(self) -> "_Due":
        whole = set(islice(self.whole, LARGEST_DELTA))
        return _Due(whole, set(islice(self.vectors, LARGEST_DELTA - len(whole))))


@dataclass(frozen=True, slots=True)
class _State:
    collection: Collection
    revision: int
    space: Space
    due: _Due = field(default_factory=_Due)
    """What of up to `revision` is still to be read."""


class InStep(NamedTuple):
    """A collection, and what it is."""

    collection: Collection
    space: Space
    """That its vectors are of; questions must be encoded in the same."""
    whole: bool
    """Whether it holds all that is committed. It does not only while a large change is being read
    beside it."""


class CollectionInStep:
    """One a process; any thread may ask for the `current` collection."""

    def __init__(
        self,
        engine: Engine,
        space: Space,
        meaning_of: Callable[[Space], Meaning],
        saved: SavedIndexes | None = None,
    ) -> None:
        """`space` is the one to serve where the database names none; `meaning_of` makes an empty
        place for the vectors of one; with `saved` a large collection is kept in files."""
        self._engine = engine
        self._space = space
        self._meaning_of = meaning_of
        self._saved = saved
        self._saver = None if saved is None else Saver(saved, self._taken)
        self._always_in_memory = saved is None
        self._state: _State | None = None
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._rebuild: threading.Thread | None = None
        self._left_behind = False
        """Whether another space serves than that of the collection."""
        self._catching_up: threading.Thread | None = None

    def current(self, session: Session | None = None) -> InStep:
        """The collection to ask now, with all at least that `session` sees, or else that is
        committed. The first call opens the saved one or builds it."""
        if session is None:
            with reading(self._engine) as own:
                return self.current(own)
        newest = revision.newest(session)
        state = self._state
        if state is None or state.revision != newest or self._left_behind:
            with self._changing:
                state = self._state
                if state is None:
                    state = self._state = self._opened() or self._built()
                    spare_what_lives()
                state = self._state = self._advance(state)
        return InStep(
            state.collection, state.space, state.revision >= newest and not len(state.due)
        )

    @property
    def space(self) -> Space | None:
        """That of the collection, where there is one yet."""
        state = self._state
        return None if state is None else state.space

    def refresh(self) -> Collection:
        """The collection with all that is committed, however long that takes."""
        for thread in (self._rebuild, self._catching_up):
            if thread is not None:
                thread.join()
        self.current()
        for thread in (self._rebuild, self._catching_up):
            if thread is not None:
                thread.join()
        return self.current().collection

    def stop(self) -> None:
        """Give up what runs in the background, and save what has changed since it was saved."""
        self._stopped.set()
        for thread in (self._rebuild, self._catching_up):
            if thread is not None:
                thread.join()
        state = self._state
        if state is None:
            return
        state.collection.stop()
        if self._saver is not None:
            self._saver.end()

    def _advance(self, state: _State) -> _State:
        """The state after what has changed; what is not in it yet is read beside it."""
        with reading(self._engine) as session:
            changes = revision.changed_since(session, state.revision, _CHANGES)
            if changes is None:
                self._rebuild_beside()
                return state
            # Until the other space is there, this one goes on being brought in step.
            self._left_behind = state.space != (served(session) or self._space)
            due = _Due(changes.ids[DOCUMENT_CHANGED], changes.ids[VECTORS_CHANGED])
            if len(due) > LARGEST_DELTA:
                state.due.add(due)
                self._catch_up_beside()
            else:
                self._apply(session, state, due)
        state = _State(state.collection, changes.revision, state.space, state.due)
        if self._left_behind or state.collection.worn or self._has_grown(state.collection):
            self._rebuild_beside()
        return state

    def _apply(self, session: Session, state: _State, due: _Due) -> None:
        """Read what is due of SQL as it is now. Only one at a time: an older reading must not
        come after a newer one."""
        if not len(due):
            return
        # What is not in yet as a whole is not in by its vectors alone either.
        vectors = due.whole | (due.vectors - state.due.whole)
        entries = list(repository.entries(session, sorted(due.whole)))
        known = state.collection.catch_up(vectors)
        state.collection.apply(
            entries,
            ()
            if known
            else repository.document_vectors(session, state.space.model_id, sorted(vectors)),
            remove=due.whole.difference(entry.id for entry in entries),
        )
        state.due.drop(due)
        if self._saver is not None:
            self._saver.changed(len(due), len(state.collection))

    def _opened(self) -> _State | None:
        if self._saved is None:
            return None
        with reading(self._engine) as session:
            space = served(session) or self._space
            meaning = self._meaning_of(space)
            if not isinstance(meaning, VectorsInMemory):
                return None
            opened = self._saved.open_into(session, meaning, space)
        return None if opened is None else _State(*opened, space)

    def _build(self) -> _State:
        with reading(self._engine) as session:
            newest = revision.newest(session)
            space = served(session) or self._space
            collection = Collection(self._meaning_of(space), self._lexical(session))
            entries = repository.entries(session)
            while piece := list(islice(entries, _BUILT_AT_A_TIME)):
                self._go_on()
                collection.apply(piece)
            vectors = (
                iter(())
                if collection.catch_up()
                else repository.document_vectors(session, space.model_id)
            )
            while some := list(islice(vectors, _BUILT_AT_A_TIME)):
                self._go_on()
                collection.apply(vectors=some)
        return _State(collection, newest, space)

    def _built(self) -> _State:
        state = self._build()
        if self._saver is not None:
            self._saver.built()
        return state

    def _lexical(self, session: Session) -> LexicalIndex:
        """An empty lexical index, on disk where it will be saved."""
        if self._saved is None or repository.count(session) < self._saved.saved_from:
            return LexicalIndex()
        workspace = self._saved.workspace(session)
        self._always_in_memory = workspace is None
        return LexicalIndex(workspace)

    def _has_grown(self, collection: Collection) -> bool:
        """Whether it was built too small to be saved, and is no more."""
        return (
            self._saved is not None
            and not self._always_in_memory
            and not collection.on_disk
            and len(collection) >= 2 * self._saved.saved_from
        )

    def _taken(self) -> Taken | None:
        """What is to be saved, once the indexes are as they will be."""
        with self._changing:  # whoever builds holds it until what was built is in its place
            state = self._state
        if self._saved is None or state is None:
            return None
        state.collection.settle()
        with self._changing:
            state = self._state
            if state is None or len(state.due):
                return None
            with reading(self._engine) as session:
                prepared = self._saved.prepare(session, state.collection)
        return None if prepared is None else Taken(*prepared, state.space, state.revision)

    def _catch_up_beside(self) -> None:
        if self._catching_up is None or not self._catching_up.is_alive():
            catching_up = threading.Thread(target=self._catch_up, name="search-catch-up")
            catching_up.start()  # before anyone may wait for it
            self._catching_up = catching_up

    def _catch_up(self) -> None:
        try:
            while not self._should_stop() and self._read_a_piece():
                time.sleep(_PAUSE)
        except Exception:  # what is due stays due; the next change starts another try
            _log.exception("search_catching_up_failed")

    def _read_a_piece(self) -> bool:
        with self._changing:
            state = self._state
            if state is None or not len(state.due):
                self._catching_up = None
                return False
            with reading(self._engine) as session:
                self._apply(session, state, state.due.piece())
            return True

    def _rebuilding(self) -> bool:
        return self._rebuild is not None and self._rebuild.is_alive()

    def _rebuild_beside(self) -> None:
        if not self._rebuilding():
            rebuild = threading.Thread(target=self._swap, name="search-rebuild")
            rebuild.start()
            self._rebuild = rebuild

    def _swap(self) -> None:
        try:
            built = self._build()
        except Exception:  # the old collection goes on; the next question starts another try
            _log.exception("search_rebuild_failed")
        else:
            with self._changing:
                before, self._state = self._state, built
                if self._saver is not None:
                    self._saver.built()
            if before is not None:
                before.collection.stop()

    def _go_on(self) -> None:
        if self._should_stop():
            raise UnavailableError("the process ends", hint="ask again shortly")

    def _should_stop(self) -> bool:
        return self._stopped.is_set() or not threading.main_thread().is_alive()
