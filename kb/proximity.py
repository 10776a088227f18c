"""How near a record's CIs are to the CIs of a question, in the dependency graph."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cmdb.graph import GraphSnapshot
from cmdb.graph_neighbours import neighbours
from opsatlas.errors import NotFoundError

CLOSENESS = (1.0, 0.7, 0.4, 0.2)
"""By relationships between two CIs, in either direction: the same CI; its provider or dependent;
a sibling on the same provider, or two along a chain; three away. Anything further says nothing."""

MENTIONED = 0.6
"""What a CI that is only named in the text counts, against one that the caller gave."""

HUB = 40
"""Neighbours above which no way leads through a CI: on one core switch everything is a sibling."""

MAX_REACHED = 2_000
"""CIs that are looked at for one question, the nearest first."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How far a CI is from the question's, and what that is worth (0 to 1)."""

    hops: int
    closeness: float


def nearness(
    snapshot: GraphSnapshot,
    given: Iterable[int],
    mentioned: Mapping[int, float] | None = None,
) -> dict[int, Nearness]:
    """The CIs near the question's, by id. Retired CIs are near to themselves only.

    `mentioned` has those that the text names, with the confidence (0 to 1) that each is meant.
    """
    by_confidence: dict[float, list[int]] = {}
    for ci_id, confidence in (mentioned or {}).items():
        by_confidence.setdefault(confidence, []).append(ci_id)
    started = [(MENTIONED * each, by_confidence[each]) for each in sorted(by_confidence)]
    near: dict[int, Nearness] = {}
    for worth, ci_ids in (*started, (1.0, list(given))):
        by_hops = [Nearness(hops, worth * closeness) for hops, closeness in enumerate(CLOSENESS)]
        for ci_id, hops in _hops(snapshot, ci_ids).items():
            if ci_id not in near or near[ci_id].closeness < by_hops[hops].closeness:
                near[ci_id] = by_hops[hops]
    return near


def nearest(
    near: Mapping[int, Nearness], cis: Mapping[str, int | None]
) -> tuple[str, Nearness] | None:
    """Of a record's CIs (id by name) the one that is nearest; None where none is near."""
    found = [
        (name, near[ci_id]) for name, ci_id in cis.items() if ci_id is not None and ci_id in near
    ]
    return max(found, key=lambda each: each[1].closeness, default=None)


def _hops(snapshot: GraphSnapshot, ci_ids: Iterable[int]) -> dict[int, int]:
    """Relationships to the nearest of `ci_ids`, by CI id, as far as `CLOSENESS` goes."""
    hops = dict.fromkeys(ci_ids, 0)
    seen = {index for ci_id in hops if (index := _index(snapshot, ci_id)) is not None}
    frontier = sorted(seen)
    for distance in range(1, len(CLOSENESS)):
        beside: list[int] = []
        for found in neighbours(snapshot, frontier):
            if distance > 1 and len(found) > HUB:
                continue
            new = [each for each in found if each not in seen]
            seen.update(new)
            beside += new
            if len(seen) > MAX_REACHED:
                break
        hops |= dict.fromkeys(snapshot.ids[beside].tolist(), distance)
        frontier = beside
        if len(seen) > MAX_REACHED:
            break
    return hops


def _index(snapshot: GraphSnapshot, ci_id: int) -> int | None:
    try:
        return snapshot.index_of(ci_id)
    except NotFoundError:  # retired, or newer than the snapshot
        return None
