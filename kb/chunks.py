"""Long lists of parameters in pieces that every database takes in one statement."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_AT_A_TIME = 5_000
"""SQLite takes 32,766 parameters a statement; some of ours name each item with others."""

T = TypeVar("T")


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` in lists of bounded length, in order."""
    iterator = iter(items)
    while chunk := list(islice(iterator, _AT_A_TIME)):
        yield chunk
