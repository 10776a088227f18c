"""How many CIs each service stands on, counted for all of them at once.

Which services stand on a CI is the union over its dependents: a row of bits each, made from the
top down, a block of services at a time. CIs that need each other in a circle share their row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Ids, Indices
from cmdb.whole_graph import circle_labels, reached_from

_BLOCK_BYTES = 32 * 1024 * 1024
_WORD = 64
_AT_ONCE = 255
"""Rows whose bits are counted at a time: so many fit in a byte, in which adding is quickest."""


class _Level(NamedTuple):
    """Units whose dependents are all on earlier levels, with their edges."""

    dependent: NDArray[np.intp]
    first: NDArray[np.intp]
    """Where the run of each provider starts in `dependent`."""
    provider: NDArray[np.intp]


def stood_on(snapshot: GraphSnapshot, services: Indices, budget: float) -> Ids | None:
    """(s,) CIs on which each of the services (indices) stands over any number of relationships,
    optional ones too; itself left out. None where `budget` seconds are not enough."""
    end = time.monotonic() + budget
    edges = snapshot.edges()
    below = reached_from(services, edges.dependent, edges.provider, snapshot.size)
    inside = below[edges.dependent]
    labels = circle_labels(edges.dependent[inside], edges.provider[inside], snapshot.size)
    units, unit_of = np.unique(labels[below], return_inverse=True)
    row_of = np.zeros(snapshot.size, np.int32)
    row_of[below] = unit_of
    size = np.bincount(unit_of, minlength=len(units))
    dependent, provider = row_of[edges.dependent[inside]], row_of[edges.provider[inside]]
    levels = []
    for level in _levels(dependent, provider, len(units)):
        levels.append(level)
        if time.monotonic() >= end:
            return None
    found = np.zeros(len(services), np.int64)
    block = max(1, _BLOCK_BYTES // 8 // max(1, len(units))) * _WORD
    for start in range(0, len(services), block):
        if time.monotonic() >= end:
            return None
        some = row_of[services[start : start + block]]
        found[start : start + block] = _count(some, size, levels)
    return found - 1


def _levels(dependent: Indices, provider: Indices, units: int) -> Iterator[_Level]:
    """The edges between units, by level of the provider, from the top down."""
    apart = dependent != provider
    dependent, provider = dependent[apart], provider[apart]
    order = np.argsort(dependent, kind="stable")
    dependent, provider = dependent[order], provider[order]
    first = np.searchsorted(dependent, np.arange(units + 1))
    by_provider = np.argsort(provider, kind="stable")
    dependents = dependent[by_provider].astype(np.intp)
    start_of = np.searchsorted(provider[by_provider], np.arange(units + 1))
    waiting = np.diff(start_of)
    ready = np.flatnonzero(waiting == 0)
    while len(ready):
        released = provider[_runs(first[ready], first[ready + 1])]
        some, times = np.unique(released, return_counts=True)
        waiting[some] -= times
        ready = some[waiting[some] == 0].astype(np.intp)
        if len(ready):
            start, length = start_of[ready], np.diff(start_of)[ready]
            yield _Level(
                dependents[_runs(start, start + length)], np.cumsum(length) - length, ready
            )


def _runs(start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.intp]:
    """Every place from each start to its end, run after run."""
    length = end - start
    behind = np.repeat(np.cumsum(length) - length, length)
    places: NDArray[np.intp] = np.repeat(start, length) + np.arange(int(length.sum())) - behind
    return places


def _count(rows: Indices, size: Ids, levels: list[_Level]) -> Ids:
    """How many CIs are below each of the units at `rows`, those of the unit among them."""
    words = -(-len(rows) // _WORD)
    above = np.zeros((len(size), words), np.uint64)
    column = np.arange(len(rows))
    np.bitwise_or.at(
        above.view(np.uint8), (rows, column // 8), (1 << (column % 8)).astype(np.uint8)
    )
    for level in levels:
        union = np.bitwise_or.reduceat(above[level.dependent], level.first, axis=0)
        above[level.provider] |= union
    found = np.zeros(len(rows), np.int64)
    for start in range(0, len(size), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        bits = np.unpackbits(above[some].view(np.uint8), axis=1, count=len(rows), bitorder="little")
        circles = np.flatnonzero(size[some] > 1)
        found += bits.sum(axis=0, dtype=np.uint8)
        if len(circles):
            found += (size[some][circles] - 1) @ bits[circles]
    return found
