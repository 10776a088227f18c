"""The vector index in memory: exact while it is small, approximate with exact cosines when large.

Vectors lie in `VectorRows`. From a certain size on a structure of `approximate.py` is built over
them in the background; what came since is scanned. A vector that was removed or replaced is out at
once, whatever the structure holds, and the cosines are always those of the exact vectors.
"""

import threading
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from search.embedder import Vectors
from search.id_map import Ids
from search.indexes.approximate import Approximate, Kind, StoppedError
from search.indexes.rows import Precision, VectorRows, best_first

FLAT_UP_TO = 20_000
"""Vectors up to which `auto` compares all: about 2 ms (docs/decisions/0013-vector-indexes.md)."""
LEAST_STRUCTURED = 1_000
"""Vectors from which `pq`, `ivf` and `hnsw` build what they are named after: of fewer nothing can
be learned, and comparing all takes a tenth of a millisecond."""

_SCANNED_AT_MOST = 2_000
"""New vectors that are scanned beside the structure before it is extended: 0.3 ms."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    rows: VectorRows
    structure: Approximate | None = None


class FaissIndex:
    """A `VectorIndex`. Readers wait for nobody; the structure changes behind their back."""

    def __init__(
        self,
        dimensions: int,
        *,
        kind: Kind | None = None,
        build_from: int = LEAST_STRUCTURED,
        precision: Precision = "fp32",
    ) -> None:
        """`kind` is built from so many vectors on; None: never, the index is exact."""
        self._kind = kind
        self._build_from = build_from
        self._state = _State(VectorRows(dimensions, precision))
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._upkeep: threading.Thread | None = None

    @property
    def state(self) -> tuple[VectorRows, Approximate | None]:
        """What it holds, as it would be saved."""
        state = self._state
        return state.rows, state.structure

    def restore(self, rows: VectorRows, structure: Approximate | None) -> None:
        """Take over what was saved, in place of what it holds."""
        with self._changing:
            wanted = structure is not None and structure.kind == self._kind
            self._state = _State(rows, structure if wanted else None)
            self._look_after()

    def __len__(self) -> int:
        return len(self._state.rows)

    def put(self, ids: Ids, vectors: Vectors) -> None:
        """Add or replace; of one id given twice the last vector is kept."""
        with self._changing:
            self._state.rows.put(ids, vectors)
            self._look_after()

    def remove(self, ids: Ids) -> None:
        """Take out; ids that are not there are ignored."""
        with self._changing:
            self._state.rows.remove(ids)
            self._look_after()

    def search(self, vector: Vectors, limit: int) -> tuple[Ids, NDArray[np.float32]]:
        """At most `limit` ids and cosines, best first."""
        state = self._state
        rows, structure = state.rows, state.structure
        limit = min(limit, len(rows))
        if not limit:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if structure is None:
            slots, cosines = rows.scan(vector, limit)
            return rows.ids[slots], cosines
        near = structure.search(vector, limit, rows)
        recent, recent_cosines = rows.scan(vector, limit, start=structure.covered)
        slots, cosines = best_first([near, recent], [rows.at(near) @ vector, recent_cosines], limit)
        if len(slots) < limit:
            # Where most of what lies near was taken out, a structure can lose its way.
            slots, cosines = rows.scan(vector, limit)
        return rows.ids[slots], cosines

    def vectors(self, ids: Ids) -> Vectors:
        """(n, d), in the order of `ids`."""
        return self._state.rows.vectors(ids)

    def settle(self) -> None:
        """Wait until nothing is being built."""
        while (thread := self._upkeep) is not None and thread.is_alive():
            thread.join()

    def stop(self) -> None:
        """Give up what is being built; the index goes on as it is."""
        self._stopped.set()

    def _look_after(self) -> None:
        """Have the structure built, extended or built anew where that is due."""
        if self._due(self._state) and (self._upkeep is None or not self._upkeep.is_alive()):
            self._upkeep = threading.Thread(target=self._keep_up, name="vector-index")
            self._upkeep.start()

    def _due(self, state: _State) -> bool:
        rows, structure = state.rows, state.structure
        if rows.worn:
            return True
        if self._kind is None or len(rows) < self._build_from:
            return False
        return structure is None or rows.end - structure.covered > _SCANNED_AT_MOST

    def _keep_up(self) -> None:
        try:
            while not self._should_stop():
                with self._changing:
                    state, end = self._state, self._state.rows.end
                    if not self._due(state):
                        self._upkeep = None
                        return
                self._improve(state, end)
        except StoppedError:
            pass
        except Exception:  # all vectors are still compared exactly, only slower
            _log.exception("vector_index_not_built")

    def _improve(self, state: _State, end: int) -> None:
        rows, structure = state.rows, state.structure
        if rows.worn:
            rows = rows.compacted(end)
            structure = self._built(rows, rows.end)
        elif structure is None or structure.outgrown(end):
            structure = self._built(rows, end)
        else:
            structure = structure.extended(rows, end, self._should_stop)
        with self._changing:
            if rows is not state.rows:
                rows.follow(state.rows, end)
            self._state = _State(rows, structure)

    def _built(self, rows: VectorRows, end: int) -> Approximate | None:
        if self._kind is None or len(rows) < self._build_from:
            return None
        return Approximate.build(self._kind, rows, end, self._should_stop)

    def _should_stop(self) -> bool:
        return self._stopped.is_set() or not threading.main_thread().is_alive()
