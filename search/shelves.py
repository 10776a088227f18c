"""Shelves: what is searched together.

A document stands on the shelf of its kind and its audience. A question goes to the shelves that
its caller may read and to no other, so nothing is found first and taken away afterwards: the best
`limit` of what may be read are the best `limit` of what was searched.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from opsatlas.groups import EVERYONE, may_read


class Shelf(NamedTuple):
    """One kind of documents for one audience (`opsatlas.groups`)."""

    kind: str
    audience: str = EVERYONE


def readable(
    shelves: Iterable[Shelf], groups: frozenset[str] | None, kinds: Collection[str] | None = None
) -> list[Shelf]:
    """Those that a reader in `groups` (None: all of them) may read; of `kinds` where given."""
    return [
        shelf
        for shelf in shelves
        if (kinds is None or shelf.kind in kinds) and may_read(shelf.audience, groups)
    ]
