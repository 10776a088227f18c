"""What a CI stands on, or what stands on it, to any depth: the nearest first, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import EdgeKind, GraphSnapshot, Indices
from cmdb.graph_input import NONE
from cmdb.graph_layout import spread

Direction = Literal["providers", "dependents"]
DEEPEST = 10_000
"""Levels that a walk takes at most: each costs something, however little is on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The CIs that were reached, a row each: level by level, by CI id within a level."""

    index: Indices
    """(m,) in the snapshot; the first is where the walk began."""
    distance: Indices
    """(m,) relationships from there."""
    parent: Indices
    """(m,) the row of the first CI that leads to it; -1 for the first."""
    beyond: Indices
    """(m,) relationships that lead on to CIs that were not reached."""
    position: Indices
    """(e,) every relationship among them, required ones first, then by provider and id."""
    near: Indices
    """(e,) the row of the end from which the walk comes."""
    far: Indices
    """(e,) the row of the end to which it goes."""
    truncated: bool
    """Whether there was more within the depth: more than was wanted, or deeper than `DEEPEST`."""


def walk(
    snapshot: GraphSnapshot,
    start: int,
    direction: Direction,
    depth: int | None = None,
    most: int = 100_000,
) -> Walk:
    """Everything within `depth` relationships of the CI at an index, at most `most` CIs."""
    row_of = np.full(snapshot.size, -1, np.int32)
    row_of[start] = 0
    levels = [np.array([start], np.int32)]
    parents = [np.array([-1], np.int32)]
    edges = [_Edges.of(snapshot, levels[0], direction)]
    reached, truncated = 1, False
    levels_wanted = DEEPEST if depth is None else min(depth, DEEPEST)
    while len(edges[-1].far) and len(levels) <= levels_wanted and not truncated:
        last = edges[-1]
        fresh = row_of[last.far] == -1
        # Of the rows that lead to a CI the least is its parent, whatever the order of edges.
        order = np.lexsort((row_of[last.near[fresh]], last.far[fresh]))
        found, first = np.unique(last.far[fresh][order], return_index=True)
        if not len(found):
            break
        if truncated := reached + len(found) > most:
            found, first = found[: most - reached], first[: most - reached]
        row_of[found] = np.arange(reached, reached + len(found), dtype=np.int32)
        reached += len(found)
        levels.append(found)
        parents.append(row_of[last.near[fresh][order][first]])
        edges.append(_Edges.of(snapshot, found, direction))
    near = row_of[np.concatenate([each.near for each in edges])]
    far = row_of[np.concatenate([each.far for each in edges])]
    inside = far >= 0
    if depth is None or depth > DEEPEST:
        truncated = not inside.all()
    return _walk(snapshot, levels, parents, edges, near, far, inside, truncated)


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """Edges from some CIs in one direction: arrays of one length, ends by index."""

    position: Indices
    near: Indices
    far: Indices

    @classmethod
    def of(cls, snapshot: GraphSnapshot, indices: Indices, direction: Direction) -> _Edges:
        """Those of the CIs at these indices, ascending."""
        if direction == "dependents":
            position = snapshot.edges_of_rows(indices)
            return cls(position, snapshot.layout.providers_of(position),
                       snapshot.dependent[position])  # fmt: skip
        position = _to_providers(snapshot, indices)
        return cls(position, snapshot.dependent[position], snapshot.layout.providers_of(position))


def _to_providers(snapshot: GraphSnapshot, dependents: Indices) -> Indices:
    """What `edges_to_providers` gives, of many CIs (ascending) at once, in any order."""
    first, laid_out = snapshot.layout.way_back
    known = dependents[dependents < len(first) - 1]
    position = laid_out[spread(first[known], first[known + 1] - first[known])]
    if not len(snapshot.moved):
        return position
    stayed = ~np.isin(snapshot.layout.providers_of(position), snapshot.moved)
    moved = snapshot.edges_of_rows(snapshot.moved)
    wanted = np.isin(snapshot.dependent[moved], dependents)
    return np.concatenate([position[stayed], moved[wanted]])


def kinds_and_groups(snapshot: GraphSnapshot, position: Indices) -> tuple[Indices, Indices]:
    """What `kind_of` and `group_at` give, of many edges at once."""
    start = snapshot.layout.conditional_from
    conditional = position >= start
    group = np.full(len(position), NONE, np.int32)
    group[conditional] = snapshot.layout.group_of[position[conditional] - start]
    kind = np.where(group == NONE, EdgeKind.OPTIONAL, EdgeKind.REDUNDANCY).astype(np.int32)
    kind[~conditional] = EdgeKind.REQUIRED
    return kind, group


def _walk(
    snapshot: GraphSnapshot,
    levels: list[Indices],
    parents: list[Indices],
    edges: list[_Edges],
    near: Indices,
    far: Indices,
    inside: NDArray[np.bool_],
    truncated: bool,
) -> Walk:
    index = np.concatenate(levels)
    position = np.concatenate([each.position for each in edges])[inside]
    ordered = snapshot.sorted(position)
    by_position = np.argsort(position)
    order = by_position[np.searchsorted(position, ordered, sorter=by_position)]
    return Walk(
        index=index,
        distance=np.repeat(
            np.arange(len(levels), dtype=np.int32), [len(level) for level in levels]
        ),
        parent=np.concatenate(parents),
        beyond=np.bincount(near[~inside], minlength=len(index)).astype(np.int32),
        position=ordered,
        near=near[inside][order],
        far=far[inside][order],
        truncated=truncated,
    )
