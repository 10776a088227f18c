"""Where in a snapshot the edges of a change are: by relationship id, and by CI."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Ids, Indices

SCANNED = 8
"""Relationships up to which each is looked for by its own pass over all."""


def positions_of(
    snapshot: GraphSnapshot, relationship_ids: Ids, likely_providers: Indices
) -> Indices:
    """Where these relationships are in the snapshot; those that it has not are left out.

    The rows of `likely_providers` are looked at first: they are all that a small change costs.
    """
    ids = np.unique(relationship_ids)
    found = np.zeros(0, np.int32)
    if len(likely_providers) and len(ids) <= SCANNED * SCANNED:
        near = snapshot.edges_of_rows(np.unique(likely_providers))
        found = near[np.isin(snapshot.relationship[near], ids)]
        ids = np.setdiff1d(ids, snapshot.relationship[found])
    ids = ids[ids <= snapshot.layout.newest_relationship]
    if not len(ids):
        return found
    return np.concatenate([found, _places(snapshot, snapshot.layout.relationship, ids)])


def _places(snapshot: GraphSnapshot, column: NDArray[Any], values: NDArray[Any]) -> Indices:
    """Positions of the snapshot's edges at which a column of the layout has one of the values."""
    layout = snapshot.layout
    parts = []
    for start, end in (
        (0, layout.used["required"]),
        (layout.conditional_from, layout.used["conditional"]),
    ):
        part = column[start:end]
        wanted = values.astype(column.dtype)
        if len(wanted) <= SCANNED:
            parts += [np.flatnonzero(part == each) + start for each in wanted]
        else:
            parts.append(np.flatnonzero(np.isin(part, wanted)) + start)
    positions = np.concatenate(parts).astype(np.int32)
    # A row that has moved has left its former place behind.
    of = layout.providers_of(positions)
    rows = snapshot.rows(providers := np.unique(of))
    at = np.searchsorted(providers, of)
    required = (positions >= rows.start[at]) & (positions < rows.end[at])
    conditional = (positions >= rows.conditional_start[at]) & (positions < rows.conditional_end[at])
    return positions[required | conditional]


def positions_at(snapshot: GraphSnapshot, gone: Indices) -> Indices:
    """Every edge from or to one of these CIs (indices; -1 for one that is unknown), some twice."""
    gone = np.unique(gone[gone >= 0])
    if not len(gone):
        return np.zeros(0, np.int32)
    return np.concatenate(
        [snapshot.edges_of_rows(gone), _places(snapshot, snapshot.layout.dependent, gone)]
    )


def union(*positions: Indices) -> Indices:
    """All of them once, ascending."""
    return np.unique(np.concatenate(positions)).astype(np.int32)
