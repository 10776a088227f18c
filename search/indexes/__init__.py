"""Vector indexes: one small port, one file an implementation, chosen by name.

Another package adds one with an entry point in the group `opsatlas.vector_indexes`: a callable
that takes the number of dimensions and returns a `VectorIndex`.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from opsatlas.errors import InvalidInputError
from search.embedder import Vectors
from search.id_map import Ids
from search.indexes.faiss_index import FLAT_UP_TO, FaissIndex
from search.indexes.rows import Precision


class VectorIndex(Protocol):
    """Vectors by id, in memory. Readers may share it; a writer must be alone."""

    def __len__(self) -> int: ...

    def put(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors of unit length; an id that is already there gets the new one."""

    def remove(self, ids: Ids) -> None:
        """Take out; ids that are not there are ignored."""

    def search(self, vector: Vectors, limit: int) -> tuple[Ids, NDArray[np.float32]]:
        """The ids nearest to `vector` ((d,), unit length) and their cosines, best first."""

    def vectors(self, ids: Ids) -> Vectors:
        """(n, d): the vectors of ids that are there. Raises KeyError for one that is not."""


_BUILT_IN: dict[str, Callable[..., VectorIndex]] = {
    "auto": partial(FaissIndex, kind="pq", build_from=FLAT_UP_TO),
    "flat": FaissIndex,
    "pq": partial(FaissIndex, kind="pq"),
    "ivf": partial(FaissIndex, kind="ivf"),
    "hnsw": partial(FaissIndex, kind="hnsw"),
}


def open_vector_index(name: str, dimensions: int, *, precision: Precision = "fp32") -> VectorIndex:
    """A new, empty index; `precision` is how those of ours hold their vectors in memory.

    Raises InvalidInputError for a name that nobody registered.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name](dimensions, precision=precision)
    registered = entry_points(group="opsatlas.vector_indexes")
    for entry in registered.select(name=name):
        index: VectorIndex = entry.load()(dimensions)
        return index
    known = sorted({*_BUILT_IN, *registered.names})
    raise InvalidInputError(
        f"there is no vector index {name!r}", hint=f"known are {', '.join(known)}"
    )
