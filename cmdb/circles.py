"""Circular dependencies: CIs that all need each other, and a shortest way round as witness."""

from __future__ import annotations

from collections import deque

import numpy as np

from cmdb.graph import GraphSnapshot, Indices
from cmdb.whole_graph import carriers, circle_labels

STARTS = 100
"""CIs of one circle from which a way round is sought. In a circle of no more CIs the witness is
the shortest there is; in a larger one the shortest through any of these, the lowest ids."""

_SHORTEST = 2


def find_circles(snapshot: GraphSnapshot) -> list[Indices]:
    """Sets of CIs (indices, ascending) that all need each other, largest first, then by index.

    Every relationship that carries failure counts, optional ones and members of groups too.
    """
    edges = carriers(snapshot)
    labels = circle_labels(edges.provider, edges.dependent, snapshot.size)
    order = np.argsort(labels, kind="stable").astype(np.int32)
    together = np.bincount(labels, minlength=1)[labels[order]] > 1
    members = order[together]
    cuts = np.flatnonzero(np.diff(labels[members])) + 1
    circles = np.split(members, cuts) if len(members) else []
    return sorted(circles, key=lambda circle: (-len(circle), int(circle[0])))


def way_round(snapshot: GraphSnapshot, circle: Indices) -> list[int]:
    """Indices of a shortest way round: each needs the next, the last needs the first."""
    inside = set(circle.tolist())
    best: list[int] = []
    for start in circle[:STARTS].tolist():
        found = _back_to(snapshot, start, inside, len(best))
        if found:
            best = found
        if len(best) == _SHORTEST:
            break
    return best


def _back_to(snapshot: GraphSnapshot, start: int, inside: set[int], below: int) -> list[int]:
    """A shortest way from `start` over its providers back to itself, where it has fewer than
    `below` steps (0: any number); else nothing."""
    before: dict[int, int] = {start: start}
    waiting = deque([(start, 1)])
    while waiting:
        at, steps = waiting.popleft()
        if below and steps >= below:
            break
        for position in snapshot.edges_to_providers(at).tolist():
            provider = snapshot.provider_of(position)
            if provider == start:
                return _way(before, at)
            if provider in inside and provider not in before:
                before[provider] = at
                waiting.append((provider, steps + 1))
    return []


def _way(before: dict[int, int], last: int) -> list[int]:
    way = [last]
    while before[way[-1]] != way[-1]:
        way.append(before[way[-1]])
    return way[::-1]
