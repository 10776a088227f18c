"""A bound for what a small file may ask for: selectors, counts and aliases in it multiply."""

from collections.abc import Iterable, Iterator, Sequence

from cmdb.importers.protocol import Item
from cmdb.importers.records import InputFile, Kind, ParsedRecord
from opsatlas.errors import TooLargeError

_ALWAYS = 100_000
"""Relationships that any load may have."""
_BYTES = 4
"""Of input, at least, for each relationship beyond that: who writes one down needs more."""


def not_multiplied(items: Iterable[Item], files: Sequence[InputFile]) -> Iterator[Item]:
    """The items of an importer.

    Raises TooLargeError where `files` cannot mean as many relationships as come of them.
    """
    size = sum(len(file.content) for file in files)
    most, count = max(_ALWAYS, size // _BYTES), 0
    for item in items:
        if isinstance(item, ParsedRecord) and item.kind is Kind.RELATIONSHIP:
            count += 1
            if count > most:
                raise TooLargeError(
                    f"{item.where}: {size:,} bytes come to more than {most:,} relationships",
                    hint="selectors, counts or aliases in the input multiply; is it meant so? "
                    "Then load it in parts",
                )
        yield item
