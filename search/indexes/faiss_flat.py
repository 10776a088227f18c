"""Exact search over all vectors with FAISS: the right index up to some 100,000 passages."""

import faiss
import numpy as np
from numpy.typing import NDArray

from search.embedder import Vectors


class FaissFlatIndex:
    """`IndexFlatIP` under `IndexIDMap2`: inner products of unit vectors are cosines.

    The id map can remove (IVF and HNSW under it cannot) and gives vectors back; it would take
    the same id twice, so putting removes first.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))
        self._known: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    def put(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Add or replace; of one id given twice the last vector is kept."""
        if not len(ids):
            return
        self.remove(ids)
        last = {int(id_): row for row, id_ in enumerate(ids)}
        rows = np.fromiter(last.values(), dtype=np.int64, count=len(last))
        self._index.add_with_ids(
            np.ascontiguousarray(vectors[rows], dtype=np.float32),
            np.fromiter(last, dtype=np.int64, count=len(last)),
        )
        self._known.update(last)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Take out; the vectors behind move up, so this costs their whole memory once a call."""
        present = self._known.intersection(ids.tolist())
        if present:
            gone = np.fromiter(present, dtype=np.int64, count=len(present))
            self._index.remove_ids(faiss.IDSelectorBatch(gone))
            self._known -= present

    def search(self, vector: Vectors, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """At most `limit` ids and cosines, best first."""
        limit = min(limit, len(self))
        if not limit:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        # A thread's own setting, hence each time. OpenMP's threads wait for each other spinning:
        # with another busy process on two cores 187 vectors took 10 ms instead of 0.05.
        faiss.omp_set_num_threads(1)
        cosines, ids = self._index.search(vector.reshape(1, -1), limit)
        return ids[0], cosines[0]

    def vectors(self, ids: NDArray[np.int64]) -> Vectors:
        """(n, d), in the order of `ids`."""
        missing = set(ids.tolist()) - self._known
        if missing:
            raise KeyError(f"no vectors for {sorted(missing)}")
        if not len(ids):
            return np.empty((0, self._dimensions), dtype=np.float32)
        found: Vectors = self._index.reconstruct_batch(ids)
        return found
