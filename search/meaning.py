"""The semantic half of a collection: a small port, so that vectors may lie in memory or in SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from search.embedder import Vectors
from search.fusion import Scores
from search.shelves import Shelf


@dataclass(frozen=True, slots=True)
class DocumentVectors:
    """The vectors that a document has so far."""

    id: int
    shelf: Shelf
    title: Vectors | None = None
    """(d,), of the title alone."""
    passages: dict[int, Vectors] = field(default_factory=dict)
    """(d,) by passage id."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near documents are to a question; NaN or None where a document has no vector."""

    whole: Scores
    """(n,): cosine of the question with the best passage."""
    line: Scores
    """(n,): cosine of its first line with the best passage."""
    title: Scores
    """(n,): cosine of its first line with the title."""
    passages: list[int | None]
    """The passage of each that is nearest to both."""

    @classmethod
    def unknown(cls, count: int) -> "Nearness":
        """Of so many documents nothing, yet."""
        whole, line, title = (np.full(count, np.nan) for _ in range(3))
        return cls(whole, line, title, [None] * count)


class Meaning(Protocol):
    """The vectors of a collection's documents. Readers may share it; a writer must be alone."""

    def catch_up(self, ids: Collection[int] | None) -> bool:
        """Whether it has read the vectors of the documents `ids` (None: of all) from the database
        itself; else `apply` must be given them."""

    def apply(self, gone: Collection[int], documents: Iterable[DocumentVectors]) -> None:
        """Take out the vectors of the documents `gone`, then hold just these of `documents`."""

    def nearest(
        self, vector: Vectors, limit: int, shelves: Mapping[Shelf, int]
    ) -> dict[int, float]:
        """Cosine of the best passage by document id, best first, of the documents on `shelves`,
        which come with how many documents stand on each."""

    def compare(self, whole: Vectors, line: Vectors, ids: Sequence[int]) -> Nearness:
        """How near the documents `ids` are to a question ((d,) each); rows follow `ids`."""

    def vectors_of(self, ids: Sequence[int]) -> list[Vectors | None]:
        """(k, d) for each document: the vectors of its passages; None while it has none."""

    def settle(self) -> None:
        """Wait for what is being built in the background."""

    def stop(self) -> None:
        """Give up what is being built in the background."""
