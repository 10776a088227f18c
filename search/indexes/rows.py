"""Vectors in memory by id, exact: where they lie, and a scan over all of them."""

from collections.abc import Iterator, Sequence
from typing import Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from search.embedder import Vectors
from search.id_map import MISSING, IdMap, Ids

Slots = NDArray[np.int64]
Cosines = NDArray[np.float32]
Precision = Literal["fp32", "fp16"]

CHUNK_ROWS = 8_192
"""Vectors of one chunk (12.6 MB of 384 dimensions): growing copies nothing, and a scan in chunks
of this size takes no longer than one over all."""

GIVEN_UP_AT_MOST = 0.2
"""Share of slots whose vector is gone above which a copy without them is made."""
FEW = 1_000
"""Of fewer than these nobody takes notice."""

_TYPES = {"fp32": np.float32, "fp16": np.float16}
_GONE = -1

Chunk = NDArray[np.float32] | NDArray[np.float16]


class VectorRows:
    """Vectors of unit length by id. A writer must be alone; readers may share it.

    Each vector has a slot that is never written again: replacing one takes a new slot and gives
    the old one up. So whoever has built something over the slots up to a certain one can go on
    using it, leaving out those that were given up, and a copy can be made while others write.
    """

    def __init__(self, dimensions: int, precision: Precision = "fp32") -> None:
        self.dimensions = dimensions
        self.precision = precision
        self._chunks: list[Chunk] = []
        self._ids = np.empty(0, dtype=np.int64)
        self._slot_of = IdMap()
        self._end = 0

    @classmethod
    def of_chunks(
        cls, dimensions: int, precision: Precision, chunks: Sequence[Chunk], ids: Ids
    ) -> "VectorRows":
        """Rows as `chunks` and `ids` of others told; all chunks but the last are full."""
        rows = cls(dimensions, precision)
        rows._make_room(len(ids))
        for place, chunk in enumerate(chunks):
            if len(chunk) == CHUNK_ROWS:
                rows._chunks[place] = chunk
            else:
                rows._chunks[place][: len(chunk)] = chunk
        rows._ids[: len(ids)] = ids
        rows._end = len(ids)
        slots = np.flatnonzero(ids != _GONE)
        rows._slot_of = IdMap(ids[slots], slots)
        return rows

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._slot_of

    @property
    def end(self) -> int:
        """One past the newest slot."""
        return self._end

    @property
    def given_up(self) -> int:
        """Slots whose vector was removed or replaced; they still take room."""
        return self._end - len(self._slot_of)

    @property
    def worn(self) -> bool:
        """Whether so many were given up that a copy without them is worth its time."""
        return self.given_up > FEW + GIVEN_UP_AT_MOST * len(self)

    @property
    def ids(self) -> Ids:
        """(end,): the id in each slot, -1 where it was given up."""
        return self._ids[: self._end]

    @property
    def chunks(self) -> list[Chunk]:
        """The vectors by slot, the last chunk without its room."""
        whole, rest = divmod(self._end, CHUNK_ROWS)
        return [*self._chunks[:whole], *([self._chunks[whole][:rest]] if rest else [])]

    def put(self, ids: Ids, vectors: Vectors) -> None:
        """Add or replace; of one id given twice the last vector is kept."""
        last = {int(id_): row for row, id_ in enumerate(ids)}
        self.remove(ids)
        if len(last) < len(ids):
            vectors = vectors[list(last.values())]
        count, start = len(last), self._end
        self._make_room(start + count)
        for first, end in _pieces(start, start + count):
            chunk, at = divmod(first, CHUNK_ROWS)
            self._chunks[chunk][at : at + end - first] = vectors[first - start : end - start]
        self._ids[start : start + count] = list(last)
        self._slot_of.put_all(last, range(start, start + count))
        self._end = start + count

    def remove(self, ids: Ids) -> None:
        """Give up the slots of `ids`; ids that are not there are ignored."""
        slots = [self._slot_of.pop(id_) for id_ in ids.tolist()]
        self._ids[[slot for slot in slots if slot != MISSING]] = _GONE

    def vectors(self, ids: Ids) -> Vectors:
        """(n, d) float32. Raises KeyError for an id that is not there."""
        slots = self._slot_of.of(ids)
        missing = ids[slots == MISSING]
        if len(missing):
            raise KeyError(f"no vectors for {sorted(set(missing.tolist()))}")
        return self.at(slots)

    def at(self, slots: Slots) -> Vectors:
        """(n, d) float32: what is in these slots."""
        found = np.empty((len(slots), self.dimensions), dtype=np.float32)
        chunks, places = np.divmod(slots, CHUNK_ROWS)
        for chunk in np.unique(chunks).tolist():
            here = chunks == chunk
            found[here] = self._chunks[chunk][places[here]]
        return found

    def compacted(self, end: int) -> "VectorRows":
        """A copy of what is in the slots up to `end`, without those that were given up.

        Others may go on writing meanwhile; `follow` then takes over what they did.
        """
        copy = VectorRows(self.dimensions, self.precision)
        for first, stop in _pieces(0, end):
            ids = self._ids[first:stop].copy()
            used = np.flatnonzero(ids != _GONE)
            copy.put(ids[used], self.at(used + first))
        return copy

    def follow(self, original: "VectorRows", end: int) -> None:
        """Bring a copy made of `original` up to the slot `end` in step with it."""
        self.remove(np.setdiff1d(self.ids[self.ids != _GONE], original.ids[:end]))
        for first, stop in _pieces(end, original.end):
            ids = original.ids[first:stop]
            used = np.flatnonzero(ids != _GONE)
            self.put(ids[used], original.at(used + first))

    def scan(self, vector: Vectors, limit: int, start: int = 0) -> tuple[Slots, Cosines]:
        """The slots in use from `start` on that are nearest to `vector` ((d,), unit length), and
        their cosines, best first."""
        slots: list[Slots] = []
        cosines: list[Cosines] = []
        for first, end in _pieces(start, self._end):
            here = self._ids[first:end]
            gone = int((here == _GONE).sum())
            if gone == end - first:
                continue
            chunk, at = divmod(first, CHUNK_ROWS)
            found, near = _nearest(
                self._chunks[chunk][at : at + end - first], vector, min(limit + gone, end - first)
            )
            used = here[found] != _GONE
            slots.append(found[used] + first)
            cosines.append(near[used])
        return best_first(slots, cosines, limit)

    def _make_room(self, end: int) -> None:
        while len(self._chunks) * CHUNK_ROWS < end:
            # The pages of what is not written yet take no memory.
            self._chunks.append(np.empty((CHUNK_ROWS, self.dimensions), _TYPES[self.precision]))
        if len(self._ids) < end:
            grown = np.full(len(self._chunks) * CHUNK_ROWS, _GONE, dtype=np.int64)
            grown[: self._end] = self.ids
            self._ids = grown


def best_first(
    slots: Sequence[Slots], cosines: Sequence[Cosines], limit: int
) -> tuple[Slots, Cosines]:
    """Several findings as one: the best `limit` of all."""
    if not slots:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    all_slots, all_cosines = np.concatenate(slots), np.concatenate(cosines)
    order = np.argsort(-all_cosines, kind="stable")[:limit]
    return all_slots[order], all_cosines[order]


def _nearest(chunk: Chunk, vector: Vectors, limit: int) -> tuple[Slots, Cosines]:
    # A thread's own setting, hence each time. OpenMP's threads wait for each other spinning: with
    # another busy process on two cores 187 vectors took 10 ms instead of 0.05.
    faiss.omp_set_num_threads(1)
    cosines, slots = faiss.knn(
        vector.reshape(1, -1),
        chunk.astype(np.float32, copy=False),
        limit,
        metric=faiss.METRIC_INNER_PRODUCT,
    )
    return slots[0], cosines[0]


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """`start` to `end` cut at the borders of chunks."""
    while start < end:
        stop = min(end, (start // CHUNK_ROWS + 1) * CHUNK_ROWS)
        yield start, stop
        start = stop
