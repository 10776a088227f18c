"""Numbers by id, for as many ids as there are passages: a dict takes a hundred bytes for each."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Numbers = NDArray[np.int64]
"""0 and up."""

MISSING = -1
_FEW = 1_000
"""New ones beside the arrays, or a share of what is in the arrays: no more of them."""
_SHARE = 0.25


class IdMap:
    """Arrays in the order of ids, and a dict of what is new. A writer must be alone."""

    def __init__(self, ids: Ids | None = None, numbers: Numbers | None = None) -> None:
        """`ids` (n,), each once, and the number of each."""
        self._ids, self._numbers = _in_order(
            np.empty(0, np.int64) if ids is None else ids,
            np.empty(0, np.int64) if numbers is None else numbers,
        )
        self._new: dict[int, int] = {}
        self._count = len(self._ids)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_: int) -> bool:
        return self.get(id_) != MISSING

    def get(self, id_: int) -> int:
        """Its number, or MISSING."""
        found = self._new.get(id_)
        if found is not None:
            return found
        place = self._place(id_)
        return MISSING if place is None else int(self._numbers[place])

    def of(self, ids: Ids) -> Numbers:
        """(n,): the number of each, or MISSING."""
        if not len(self._ids):
            return np.fromiter((self._new.get(each, MISSING) for each in ids.tolist()), np.int64)
        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        numbers = np.where(self._ids[places] == ids, self._numbers[places], MISSING)
        if self._new:
            for row in np.flatnonzero(numbers == MISSING).tolist():
                numbers[row] = self._new.get(int(ids[row]), MISSING)
        return numbers

    def put(self, id_: int, number: int) -> None:
        """Add or replace."""
        place = self._place(id_)
        if place is not None:
            self._count += int(self._numbers[place] == MISSING)
            self._numbers[place] = number
            return
        self._count += id_ not in self._new
        self._new[id_] = number
        if outgrown(len(self._new), len(self._ids)):
            self._ids, self._numbers = _in_order(*self.items())
            self._new = {}

    def put_all(self, ids: Iterable[int], numbers: Iterable[int]) -> None:
        """Add or replace each."""
        for id_, number in zip(ids, numbers, strict=True):
            self.put(id_, number)

    def pop(self, id_: int) -> int:
        """Take out; its number, or MISSING where it was not there."""
        number = self._new.pop(id_, MISSING)
        if number == MISSING:
            place = self._place(id_)
            if place is not None:
                number = int(self._numbers[place])
                self._numbers[place] = MISSING
        self._count -= int(number != MISSING)
        return number

    def items(self) -> tuple[Ids, Numbers]:
        """(n,) each: all ids with their numbers."""
        there = self._numbers != MISSING
        new = np.fromiter(self._new, np.int64, len(self._new))
        numbers = np.fromiter(self._new.values(), np.int64, len(self._new))
        return (
            np.concatenate([self._ids[there], new]),
            np.concatenate([self._numbers[there], numbers]),
        )

    def _place(self, id_: int) -> int | None:
        place = int(self._ids.searchsorted(id_))
        return place if place < len(self._ids) and self._ids[place] == id_ else None


def outgrown(new: int, in_arrays: int) -> bool:
    """Whether there are so many new ones that they should go into arrays, too."""
    return new > max(_FEW, _SHARE * in_arrays)


def _in_order(ids: Ids, numbers: Numbers) -> tuple[Ids, Numbers]:
    """Copies of them, so that what they came from stays as it is."""
    order = np.argsort(ids, kind="stable")
    return ids[order], numbers[order]
