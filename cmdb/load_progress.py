"""How far a load is: phases and counts, told to whoever wants to show them."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

_EVERY = 1_000
"""Rows between two words: telling must cost nothing beside the work."""

_Row = TypeVar("_Row")


class Phase(StrEnum):
    """What a load does, one after the other."""

    READING = "reading"
    COMPARING = "comparing"
    WRITING = "writing"


Progress = Callable[[Phase, int, int | None], None]
"""Told the phase, how many rows are done in it, and how many there are; None: not known yet."""


def untold(_phase: Phase, _done: int, _total: int | None) -> None:
    """Progress that nobody asked for."""


def counted(rows: Iterable[_Row], progress: Progress, phase: Phase) -> Iterator[_Row]:
    """The rows, told as they pass by."""
    done = 0
    for done, row in enumerate(rows, start=1):
        if done % _EVERY == 0:
            progress(phase, done, None)
        yield row
    progress(phase, done, None)


class Writing:
    """Counts what is written of a plan with so many rows."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress(Phase.WRITING, 0, total)

    def __call__(self, rows: int) -> None:
        """So many more are written."""
        self._done += rows
        self._progress(Phase.WRITING, self._done, self._total)
