"""Views the slow and obvious way: sets and one relationship at a time."""

from __future__ import annotations

from tests.oracles.impact_oracle import Landscape


def edges_of(landscape: Landscape) -> dict[int, tuple[int, int]]:
    """(dependent, provider) of the relationships that are in the graph, by id: both ends there, not
    of a CI to itself, a member once a group."""
    found: dict[int, tuple[int, int]] = {}
    members: set[tuple[int, int]] = set()
    for each in sorted(landscape.relationships, key=lambda each: each.id):
        ends = (each.dependent, each.provider)
        if each.dependent == each.provider or not set(ends) <= landscape.cis:
            continue
        if each.group is not None:
            if (each.group, each.provider) in members:
                continue
            members.add((each.group, each.provider))
        found[each.id] = ends
    return found


def distances(
    landscape: Landscape, start: int, *, providers: bool, depth: int | None, most: int
) -> tuple[dict[int, int], bool]:
    """Steps to everything within the depth, the nearest (then the lowest ids) first up to `most`;
    and whether there was more."""
    ways = [(a, b) if providers else (b, a) for a, b in edges_of(landscape).values()]
    found = {start: 0}
    step = 0
    while depth is None or step < depth:
        step += 1
        level = sorted({far for near, far in ways if near in found} - found.keys())
        if not level:
            break
        room = most - len(found)
        found |= dict.fromkeys(level[:room], step)
        if len(level) > room:
            return found, True
    return found, False
