"""Whose word counts for a relationship: what each source says of it, and what follows. Pure.

As with CIs, no source overwrites what another says: the values follow from all words and the
precedence alone. A relationship does not become stale: what says nothing of it any more does not
report it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from cmdb import values
from cmdb.claims import Precedence
from cmdb.models import Dependency
from cmdb.values import MinUp

DEPENDENCY, MIN_UP = "dependency", "min_up"
FIELDS = (DEPENDENCY, MIN_UP)
"""What sources say of a relationship, under the names that orders of sources have for it."""
DEFAULT_MIN_UP = MinUp(1, is_percent=False)
STRONGEST: tuple[str | None, ...] = (Dependency.REQUIRED, None, Dependency.OPTIONAL)
"""Which of two words of a source counts about what became one with a merge."""


class Word(NamedTuple):
    """What one source says of a relationship; None says nothing."""

    dependency: str | None = None
    min_up: str | None = None
    """Of its redundancy group, such as `2` or `50%`; the same in all of the source's members."""


SILENT = Word()
Words = Mapping[str, Word]
"""By source."""


def dependency_of(words: Words, precedence: Precedence) -> str:
    """The dependency that the most trusted word says; required where none says one."""
    said = {source: word.dependency for source, word in words.items() if word.dependency}
    winner = _most_trusted(DEPENDENCY, said, precedence)
    return Dependency.REQUIRED.value if winner is None else said[winner]


def limit_of(said: Mapping[str, str], precedence: Precedence) -> MinUp:
    """The min_up of a group of which each source says the one given."""
    winner = _most_trusted(MIN_UP, said, precedence)
    return DEFAULT_MIN_UP if winner is None else parsed_min_up(said[winner])


def said_of_group(members: Iterable[tuple[int, Words]]) -> dict[str, str]:
    """By source: the min_up that it says of a group, from its members by id; of two different
    ones that of the older relationship."""
    said: dict[str, str] = {}
    for _, words in sorted(members, key=lambda each: each[0]):
        for source, word in words.items():
            if word.min_up is not None:
                said.setdefault(source, word.min_up)
    return said


def stronger(one: str | None, other: str | None) -> str | None:
    """Which dependency a source says of a relationship that a merge made of two of its own."""
    return min(one, other, key=STRONGEST.index)


def at_most(min_up: MinUp, size: int) -> MinUp:
    """What is asked of a group that a merge left with `size` members."""
    return min_up if min_up.is_percent else min_up._replace(value=min(min_up.value, max(size, 1)))


@lru_cache(maxsize=1024)
def parsed_min_up(text: str) -> MinUp:
    """A min_up as words hold it."""
    found = values.min_up(text)
    return DEFAULT_MIN_UP if found is None else found


def _most_trusted(name: str, said: Mapping[str, str], precedence: Precedence) -> str | None:
    return min(said, key=lambda source: precedence.rank(name, source), default=None)
