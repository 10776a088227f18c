"""Which CIs may be behind symptoms at all: everything that the symptoms stand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cmdb.graph import GraphSnapshot

SILENT, HEALTHY = 1, 2
"""Marks of CIs: nobody reported it, though somebody would have; it is known to be fine."""

_LONG = 5_000
"""CIs that one look at a candidate meets: about a millisecond."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """CIs by index, the nearest to a symptom first."""

    covers: dict[int, int]
    """Bits of the symptoms that each may reach over any relationship: more than it explains, for
    redundancy may hold. Bit i is the symptom at place i."""
    truncated: bool
    """Whether there were more CIs than were allowed."""


def candidates(snapshot: GraphSnapshot, symptoms: Iterable[int], most: int) -> Candidates:
    """Walk from the symptoms (indices) to their providers until nothing new is met."""
    covers: dict[int, int] = {}
    news = {index: 1 << place for place, index in enumerate(symptoms)}
    covers.update(news)
    providers: dict[int, list[int]] = {}
    truncated = False
    while news:
        frontier, news = news, {}
        for index, bits in frontier.items():
            if index not in providers:
                providers[index] = _providers(snapshot, index)
            for provider in providers[index]:
                known = covers.get(provider)
                if known is None:
                    if len(covers) >= most:
                        truncated = True
                        continue
                    known = covers[provider] = 0
                if fresh := bits & ~known:
                    covers[provider] |= fresh
                    news[provider] = news.get(provider, 0) | fresh
    return Candidates(covers, truncated)


class CloserLook:
    """What the failure of a candidate takes down at least, without a whole propagation."""

    def __init__(self, snapshot: GraphSnapshot, marks: bytearray) -> None:
        self._snapshot = snapshot
        self._marks = marks
        self._required: dict[int, set[int]] = {}  # candidates share most of their ways

    def surely_down(self, failed: int, enough: int) -> tuple[int, int, bool]:
        """How many CIs marked `SILENT`, and how many marked `HEALTHY`, required relationships
        alone take down; and whether a longer look would find more. Both may be too few, never too
        many: the walk ends once `enough` silent ones are found, or when it has become long."""
        seen = {failed}
        frontier = [failed]
        found = [0, 0, 0]
        while frontier and found[SILENT] < enough and len(seen) < _LONG:
            index = frontier.pop()
            found[self._marks[index]] += 1
            if index not in self._required:
                self._required[index] = _required_dependents(self._snapshot, index)
            fresh = self._required[index] - seen
            seen |= fresh
            frontier += fresh
        return found[SILENT], found[HEALTHY], bool(frontier) and len(seen) < _LONG


def _providers(snapshot: GraphSnapshot, index: int) -> list[int]:
    positions = snapshot.edges_to_providers(index).tolist()
    return list({snapshot.provider_of(position) for position in positions})


def _required_dependents(snapshot: GraphSnapshot, index: int) -> set[int]:
    # Reads the row where the walk of `cmdb/propagation.py` does: there are thousands of rows to
    # look at, and arrays of positions would be most of the time.
    layout = snapshot.layout
    if snapshot.moved_row_of and index in snapshot.moved_row_of:
        start, end, _, _ = snapshot.moved_row_of[index]
    else:
        start, end = layout.required_first.data[index : index + 2]
    return set(layout.dependent.data[start:end])
