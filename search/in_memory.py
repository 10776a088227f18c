"""The vectors of a collection in memory: an index of passages a shelf, titles by document."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from search.embedder import Vectors
from search.held_documents import Held, HeldDocuments
from search.indexes import VectorIndex, open_vector_index
from search.indexes.faiss_index import FaissIndex
from search.indexes.rows import Precision, VectorRows
from search.meaning import DocumentVectors, Nearness
from search.saved_files import BadIndexError, MeaningParts, RowsPart
from search.shelves import Shelf

_TITLES: Precision = "fp16"
"""Titles are only compared, one of each candidate, where the fourth digit of a cosine decides
nothing: of a hundred thousand 73 MB less."""

# Passages asked for a document wanted: a long document fills several places with its own.
_PASSAGES_PER_DOCUMENT = 3


class VectorsInMemory:
    """`Meaning` by vector indexes of this process."""

    def __init__(
        self, dimensions: int, vector_index: str = "auto", precision: Precision = "fp32"
    ) -> None:
        self._dimensions = dimensions
        self._vector_index = vector_index
        self._precision: Precision = precision
        # One index a shelf, so that a search over some shelves loses nothing to the others.
        self._passages: dict[Shelf, VectorIndex] = {}
        # Titles are only ever looked up by their documents.
        self._titles = VectorRows(dimensions, _TITLES)
        self._held = HeldDocuments()

    def catch_up(self, ids: Collection[int] | None) -> bool:
        """It knows no database."""
        return False

    def apply(self, gone: Collection[int], documents: Iterable[DocumentVectors]) -> None:
        """Take out the vectors of the documents `gone`, then hold just these of `documents`."""
        listed = list(documents)
        self._drop([*gone, *(document.id for document in listed)])
        self._put(listed)

    def nearest(
        self, vector: Vectors, limit: int, shelves: Mapping[Shelf, int]
    ) -> dict[int, float]:
        """Cosine of the best passage by document id, best first."""
        best: dict[int, float] = defaultdict(lambda: -1.0)
        for shelf in shelves:
            index = self._passages.get(shelf)
            if index is None:
                continue
            ids, cosines = index.search(vector, limit * _PASSAGES_PER_DOCUMENT)
            for owner, cosine in zip(self._held.owners(ids), cosines.tolist(), strict=True):
                best[owner] = max(best[owner], cosine)
        return dict(sorted(best.items(), key=lambda item: -item[1])[:limit])

    def compare(self, whole: Vectors, line: Vectors, ids: Sequence[int]) -> Nearness:
        """The cosines of each document's best passage and title, and that passage."""
        found = Nearness.unknown(len(ids))
        both = np.stack([whole, line], axis=1)
        by_shelf: dict[Shelf, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
        titled: list[tuple[int, int]] = []
        for row, (id_, held) in enumerate(zip(ids, self._held.of(ids), strict=True)):
            if held.passages:
                by_shelf[held.shelf].append((row, held.passages))
            if held.has_title:
                titled.append((row, id_))
        for shelf, documents in by_shelf.items():
            rows = [row for row, _ in documents]
            passages = list(chain.from_iterable(of_document for _, of_document in documents))
            counts = np.array([len(of_document) for _, of_document in documents], np.int64)
            starts = np.cumsum(counts) - counts
            cosines = self._passages[shelf].vectors(np.array(passages)) @ both
            found.whole[rows], found.line[rows] = np.maximum.reduceat(cosines, starts).T
            best = np.lexsort((-cosines.sum(axis=1), np.repeat(starts, counts)))[starts]
            for row, place in zip(rows, best.tolist(), strict=True):
                found.passages[row] = passages[place]
        if titled:
            places, titles = np.array(titled).T
            found.title[places] = self._titles.vectors(titles) @ line
        return found

    def vectors_of(self, ids: Sequence[int]) -> list[Vectors | None]:
        """(k, d) for each document: the vectors of its passages; None while it has none."""
        return [
            self._passages[each.shelf].vectors(np.array(each.passages)) if each.passages else None
            for each in self._held.of(ids)
        ]

    def parts(self) -> MeaningParts | None:
        """What is held, for a file; others may go on writing. None where an index of another
        package holds vectors: only that knows how to keep them."""
        if not all(isinstance(index, FaissIndex) for index in self._passages.values()):
            return None
        held = self._held.parts()
        indexes = [self._passages[shelf] for shelf in held.shelves]
        return MeaningParts(
            held,
            RowsPart.of(self._titles),
            [RowsPart.of(*index.state) for index in indexes if isinstance(index, FaissIndex)],
            self._dimensions,
            self._precision,
        )

    def restore(self, parts: MeaningParts) -> None:
        """Hold what a file held, in place of nothing. Raises BadIndexError where that was made
        with other settings."""
        if (parts.dimensions, parts.precision) != (self._dimensions, self._precision):
            raise BadIndexError(f"its vectors are {parts.dimensions} × {parts.precision}")
        self._titles = self._rows(parts.titles, _TITLES)
        for shelf, part in zip(parts.held.shelves, parts.by_shelf, strict=True):
            index = self._open_index()
            if not isinstance(index, FaissIndex):
                raise BadIndexError("it is of another vector index")
            index.restore(self._rows(part, self._precision), part.structure)
            self._passages[shelf] = index
        self._held = HeldDocuments(parts.held)

    def settle(self) -> None:
        """Wait for what is being built in the background."""
        for index in list(self._passages.values()):
            if isinstance(index, FaissIndex):
                index.settle()

    def stop(self) -> None:
        """Give up what is being built in the background."""
        for index in list(self._passages.values()):
            if isinstance(index, FaissIndex):
                index.stop()

    def _open_index(self) -> VectorIndex:
        return open_vector_index(self._vector_index, self._dimensions, precision=self._precision)

    def _rows(self, part: RowsPart, precision: Precision) -> VectorRows:
        return VectorRows.of_chunks(self._dimensions, precision, part.chunks, part.ids)

    def _drop(self, ids: Iterable[int]) -> None:
        passages: dict[Shelf, list[int]] = defaultdict(list)
        titles: list[int] = []
        for id_ in ids:
            held = self._held.pop(id_)
            if held is not None:
                passages[held.shelf] += held.passages
                titles += [id_] if held.has_title else []
        for shelf, gone in passages.items():
            self._passages[shelf].remove(np.array(gone, dtype=np.int64))
        self._titles.remove(np.array(titles, dtype=np.int64))

    def _put(self, documents: Sequence[DocumentVectors]) -> None:
        by_shelf: dict[Shelf, dict[int, Vectors]] = defaultdict(dict)
        for document in documents:
            self._held.put(
                document.id,
                Held(document.shelf, tuple(document.passages), document.title is not None),
            )
            by_shelf[document.shelf] |= document.passages
        for shelf, passages in by_shelf.items():
            if shelf not in self._passages:
                self._passages[shelf] = self._open_index()
            if passages:
                self._passages[shelf].put(*_table(passages))
        titles = {each.id: each.title for each in documents if each.title is not None}
        if titles:
            self._titles.put(*_table(titles))
            if self._titles.worn:
                self._titles = self._titles.compacted(self._titles.end)


def _table(
    vectors: Mapping[int, Vectors],
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Vectors]:
    return np.array(list(vectors), dtype=np.int64), np.stack(list(vectors.values()))
