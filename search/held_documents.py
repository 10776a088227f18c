"""What a collection knows of each document beside its vectors: shelf, passages, whether titled.

In arrays, as they are saved: a tuple for each of a hundred thousand documents took 50 MB.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.id_map import MISSING, IdMap, Ids, outgrown
from search.shelves import Shelf


class Held(NamedTuple):
    """One document."""

    shelf: Shelf
    passages: tuple[int, ...] = ()
    has_title: bool = False


_NOTHING = Held(Shelf(""))


@dataclass(frozen=True, slots=True)
class HeldParts:
    """All of them, as arrays."""

    documents: Ids
    shelf: Ids
    """Place in `shelves` of each document."""
    titled: NDArray[np.bool_]
    passages: Ids
    first_passage: Ids
    """(n + 1,): where in `passages` those of each document begin."""
    shelves: list[Shelf]


def _no_parts() -> HeldParts:
    none = np.empty(0, np.int64)
    return HeldParts(none, none, np.empty(0, np.bool_), none, np.zeros(1, np.int64), [])


class HeldDocuments:
    """Documents by id. A writer must be alone; readers may share it."""

    def __init__(self, parts: HeldParts | None = None) -> None:
        """`parts` is what it goes on from."""
        self._new: dict[int, Held] = {}
        self._take(_no_parts() if parts is None else parts)
        owners = np.repeat(self._parts.documents, np.diff(self._parts.first_passage))
        self._owner = IdMap(self._parts.passages, owners)

    def put(self, id_: int, held: Held) -> None:
        """Add a document that is not there."""
        self._new[id_] = held
        self._owner.put_all(held.passages, [id_] * len(held.passages))
        if outgrown(len(self._new), len(self._parts.documents)):
            self._take(self.parts())
            self._new = {}

    def pop(self, id_: int) -> Held | None:
        """Take a document out; what was known of it, None where nothing was."""
        held = self._new.pop(id_, None)
        if held is None:
            row = self._row_of.pop(id_)
            if row == MISSING:
                return None
            held = next(self._at(np.array([row])))
        for passage in held.passages:
            self._owner.pop(passage)
        return held

    def of(self, ids: Sequence[int]) -> list[Held]:
        """What is known of each; nothing of those that are not there."""
        rows = self._row_of.of(np.array(ids, np.int64))
        there = rows != MISSING
        saved = self._at(rows[there])
        return [
            next(saved) if is_there else self._new.get(id_, _NOTHING)
            for id_, is_there in zip(ids, there.tolist(), strict=True)
        ]

    def owners(self, passages: Ids) -> list[int]:
        """The document of each."""
        found: list[int] = self._owner.of(passages).tolist()
        return found

    def parts(self) -> HeldParts:
        """All of it, for a file."""
        ids, rows = self._row_of.items()
        documents = np.concatenate([ids, np.fromiter(self._new, np.int64, len(self._new))])
        held = [*self._at(rows), *self._new.values()]
        shelves = list(dict.fromkeys(each.shelf for each in held))
        place = {shelf: number for number, shelf in enumerate(shelves)}
        counts = [len(each.passages) for each in held]
        return HeldParts(
            documents,
            np.fromiter((place[each.shelf] for each in held), np.int64, len(held)),
            np.fromiter((each.has_title for each in held), np.bool_, len(held)),
            np.fromiter(chain.from_iterable(each.passages for each in held), np.int64, sum(counts)),
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            shelves,
        )

    def _take(self, parts: HeldParts) -> None:
        self._parts = parts
        self._row_of = IdMap(parts.documents, np.arange(len(parts.documents)))

    def _at(self, rows: NDArray[np.int64]) -> Iterator[Held]:
        parts = self._parts
        first, end = parts.first_passage[rows].tolist(), parts.first_passage[rows + 1].tolist()
        shelf, titled = parts.shelf[rows].tolist(), parts.titled[rows].tolist()
        for start, stop, place, has_title in zip(first, end, shelf, titled, strict=True):
            yield Held(parts.shelves[place], tuple(parts.passages[start:stop].tolist()), has_title)
