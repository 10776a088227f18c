"""What finds near vectors without comparing all of them as they are: FAISS over coarse codes.

A structure knows slots (`rows.py`), not ids, and its codes are coarse: what it names is compared
exactly afterwards. It is never changed once it is in use; `extended` makes a longer copy.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import faiss as typed_faiss
import numpy as np

from search.embedder import Vectors
from search.indexes.rows import Slots, VectorRows

Kind = Literal["pq", "ivf", "hnsw"]
"""All product-quantised codes; inverted lists, or a graph, of codes of eight bits a dimension."""

faiss: Any = typed_faiss  # its types know neither parameters of a search nor half of its indexes

LISTS_PER_ROOT = 4
"""Inverted lists: 4 √n of n vectors, FAISS's own advice for up to a million."""
LEAST_PER_LIST = 8
"""Vectors a list that there are at least: learning needs some."""
PROBED_SHARE = 0.3
"""Share of the lists that a question looks through (docs/decisions/0013-vector-indexes.md)."""
LEAST_PROBED = 24
TRAINED_PER_LIST = 48
"""Vectors a list that the lists' middles are learned from (FAISS warns below 39)."""
TRAINING_ROUNDS = 8

CODED_TOGETHER = 2
"""Dimensions that share a code of four bits, where their number is even."""
CODED_FROM = 4_096
"""Vectors that the codes are learned from: 256 for each of the sixteen of two dimensions."""
NAMED, NAMED_BESIDE = 3, 200
"""Vectors that the codes name, times what is asked for, and beyond that."""

OUTGROWN = 2.0
"""Growth above which lists and codes are made anew."""

LINKS = 16
"""Links of a vector in the graph (M); the lowest layer has twice as many."""
WIDTH_BUILDING = 80
"""efConstruction."""
WIDTH_SEARCHING = 1.5
"""efSearch, times what is asked for."""
LEAST_WIDTH = 128

ASKED_BESIDE = 32
"""Vectors beyond what is asked for that lists and graph name: eight bits tell the last apart
poorly."""

_AT_A_TIME = 1_000
"""Vectors that are added between two looks at whether to stop."""


class StoppedError(Exception):
    """The building was given up, as asked."""


class Approximate:
    """A structure over the slots from 0 up to `covered`. Any number of threads may search."""

    def __init__(self, kind: Kind, index: Any, built_over: int) -> None:
        self.kind: Kind = kind
        self._index = index
        self.built_over = built_over
        """Slots that its lists or codes were made for."""

    @property
    def covered(self) -> int:
        """One past the last slot that it knows."""
        return int(self._index.ntotal)

    @classmethod
    def build(
        cls, kind: Kind, rows: VectorRows, end: int, should_stop: Callable[[], bool]
    ) -> "Approximate":
        """Over the slots up to `end`. Takes seconds to minutes; raises StoppedError."""
        faiss.omp_set_num_threads(1)
        if kind == "pq":
            index = _pq(rows, end)
        else:
            index = _ivf(rows, end, should_stop) if kind == "ivf" else _hnsw(rows, end)
        _add(index, rows, end, should_stop)
        return cls(kind, index, end)

    @classmethod
    def opened(cls, kind: Kind, path: Path, built_over: int) -> "Approximate":
        """As `save` wrote it. Raises RuntimeError for what FAISS cannot read."""
        return cls(kind, faiss.read_index(str(path)), built_over)

    def save(self, path: Path) -> None:
        """Write to a file. Raises RuntimeError where FAISS cannot."""
        faiss.write_index(self._index, str(path))

    def extended(
        self, rows: VectorRows, end: int, should_stop: Callable[[], bool]
    ) -> "Approximate":
        """A copy that covers the slots up to `end` too. Raises StoppedError."""
        faiss.omp_set_num_threads(1)
        index = faiss.clone_index(self._index)
        _add(index, rows, end, should_stop)
        return Approximate(self.kind, index, self.built_over)

    def outgrown(self, end: int) -> bool:
        """Whether so many slots call for other lists or codes; a graph grows without end."""
        return self.kind != "hnsw" and end > OUTGROWN * self.built_over

    def search(self, vector: Vectors, limit: int, rows: VectorRows) -> Slots:
        """Slots in use that are probably the nearest, in no order; some more than `limit` where
        there are, fewer where it does not find so many."""
        faiss.omp_set_num_threads(1)
        if self.kind == "pq":
            return self._by_codes(vector, min(NAMED * limit + NAMED_BESIDE, self.covered), rows)
        selector = None
        if (rows.ids[: self.covered] < 0).any():
            used = np.packbits(rows.ids[: self.covered] >= 0, bitorder="little")
            selector = faiss.IDSelectorBitmap(used)
        limit = min(limit + ASKED_BESIDE, self.covered)
        _, slots = self._index.search(
            vector.reshape(1, -1), limit, params=self._parameters(limit, selector)
        )
        found: Slots = slots[0][slots[0] >= 0]
        return found

    def _by_codes(self, vector: Vectors, wanted: int, rows: VectorRows) -> Slots:
        """So many slots in use, or all that there are. FAISS passes over none in these codes, so
        more are asked for until enough are in use."""
        asked = wanted
        while True:
            found: Slots = self._index.search(vector.reshape(1, -1), asked)[1][0]
            found = found[found >= 0]
            used = found[rows.ids[found] >= 0]
            if len(used) >= wanted or asked == self.covered:
                return used
            asked = min(4 * asked, self.covered)

    def _parameters(self, limit: int, selector: Any) -> Any:
        if self.kind == "hnsw":
            width = max(LEAST_WIDTH, int(WIDTH_SEARCHING * limit))
            return faiss.SearchParametersHNSW(efSearch=width, sel=selector)
        probed = max(LEAST_PROBED, int(PROBED_SHARE * self._index.nlist))
        return faiss.SearchParametersIVF(nprobe=probed, sel=selector)


def _pq(rows: VectorRows, end: int) -> Any:
    parts = rows.dimensions // (1 if rows.dimensions % CODED_TOGETHER else CODED_TOGETHER)
    index = faiss.IndexPQFastScan(rows.dimensions, parts, 4, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # else it warns on standard output
    index.train(_sample(rows, end, CODED_FROM))
    return index


def _ivf(rows: VectorRows, end: int, should_stop: Callable[[], bool]) -> Any:
    used = int((rows.ids[:end] >= 0).sum())
    lists = max(1, min(int(LISTS_PER_ROOT * used**0.5), used // LEAST_PER_LIST))
    middles = faiss.IndexFlatIP(rows.dimensions)
    index = faiss.IndexIVFScalarQuantizer(
        middles,
        rows.dimensions,
        lists,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    sample = _sample(rows, end, lists * TRAINED_PER_LIST)
    learning = faiss.Clustering(rows.dimensions, lists)
    learning.niter = 1
    learning.spherical = True
    learning.min_points_per_centroid = 1  # else it warns on standard output
    # One round at a time, each from where the one before came to: a process that ends must not
    # wait for all of them.
    for _ in range(TRAINING_ROUNDS):
        if should_stop():
            raise StoppedError
        learning.train(sample, middles)
    index.train(sample)
    return index


def _hnsw(rows: VectorRows, end: int) -> Any:
    index = faiss.IndexHNSWSQ(
        rows.dimensions, faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT
    )
    index.hnsw.efConstruction = WIDTH_BUILDING
    index.train(_sample(rows, end, 20_000))
    return index


def _sample(rows: VectorRows, end: int, count: int) -> Vectors:
    """Vectors at random, the same at every call: of one kind and time they lie together."""
    used = np.flatnonzero(rows.ids[:end] >= 0)
    if len(used) > count:
        used = np.sort(np.random.default_rng(0).choice(used, count, replace=False))
    return rows.at(used)


def _add(index: Any, rows: VectorRows, end: int, should_stop: Callable[[], bool]) -> None:
    for start in range(int(index.ntotal), end, _AT_A_TIME):
        if should_stop():
            raise StoppedError
        index.add(rows.at(np.arange(start, min(end, start + _AT_A_TIME))))
