"""What the checks of a health report look at: CIs and relationships as columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmdb.graph_input import Ids, Indices, find
from cmdb.health_checks import Mask
from cmdb.health_rules import ALL


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The inventory as columns. A CI is called by its row, an end of a relationship too."""

    ids: Ids
    """(n,) ascending."""
    class_code: NDArray[np.int32]
    """(n,) places in `classes`."""
    classes: Sequence[str]
    owner_code: NDArray[np.int32]
    """(n,) places in `owners`."""
    owners: Sequence[str | None]
    living: Mask
    """(n,) those that are not retired: the CIs that are looked at."""
    in_use: Mask
    """(n,) those that are neither retired nor planned nor in stock."""
    dependent: Indices
    """(m,) rows."""
    provider: Indices
    """(m,) rows."""
    type_code: NDArray[np.int32]
    """(m,) places in `types`."""
    types: Sequence[str]
    carrying: frozenset[str]
    """Types along which failure travels."""
    parents: Mapping[str, str | None]
    """The class above each class."""
    source_row: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """(k,) CIs, each once for every source that reports it."""
    source_code: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """(k,) places in `sources`."""
    sources: Sequence[str] = ()

    def of_classes(self, names: Iterable[str]) -> Mask:
        """(n,) the CIs of these classes and of those below them; `*` means all."""
        wanted = set(names)
        codes = [ALL in wanted or not wanted.isdisjoint(self.line(name)) for name in self.classes]
        return np.array(codes, np.bool_)[self.class_code] if codes else np.zeros(0, np.bool_)

    def of_types(self, names: Iterable[str]) -> Mask:
        """(m,) the relationships of these types; `*` means all."""
        wanted = set(names)
        codes = [ALL in wanted or name in wanted for name in self.types]
        return np.array(codes, np.bool_)[self.type_code] if codes else np.zeros(0, np.bool_)

    def line(self, name: str) -> Iterator[str]:
        """A class and those above it, to the root."""
        above: str | None = name
        while above is not None:
            yield above
            above = self.parents.get(above)

    def root(self, row: int) -> str:
        """The built-in class that the class of a CI is, or stands below."""
        return list(self.line(self.classes[self.class_code[row]]))[-1]

    def row(self, ci_id: int) -> int:
        """The row of a CI that is there."""
        return int(np.searchsorted(self.ids, ci_id))

    def rows(self, ids: Iterable[int]) -> Indices:
        """The rows of CIs by their ids, -1 for one that is not there."""
        return find(self.ids, np.fromiter(ids, np.int64))


class CIValues(NamedTuple):
    """A CI as completeness and compliance see it."""

    id: int
    fields: dict[str, Any]
    attributes: dict[str, Any]


class Seen(NamedTuple):
    """When a source last saw a CI under one of its keys."""

    ci_id: int
    source: str
    missing: bool
    seen_at: datetime


class Named(NamedTuple):
    """A CI with what two CIs should not have in common."""

    id: int
    environment: str | None


class Group(NamedTuple):
    """A redundancy group whose `min_up` is a count, and how many of its members live."""

    dependent_id: int
    name: str
    min_up: int
    members: int


class Review(NamedTuple):
    """A record that waits for a decision, and the CIs that it may be."""

    id: int
    source: str
    name: str
    candidates: list[int]


def sources_by_row(facts: Facts, rows: Iterable[int]) -> dict[int, list[str]]:
    """Who reports each of these CIs."""
    wanted = np.unique(np.fromiter(rows, np.int32))
    found: dict[int, list[str]] = defaultdict(list)
    of_them = np.flatnonzero(np.isin(facts.source_row, wanted))
    for place in of_them.tolist():
        name = facts.sources[int(facts.source_code[place])]
        found[int(facts.source_row[place])].append(name)
    return found
