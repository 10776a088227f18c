"""The neighbours of many CIs at once, in either direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmdb.graph import GraphSnapshot, Indices
from cmdb.graph_layout import spread


def neighbours(snapshot: GraphSnapshot, indices: Sequence[int]) -> list[list[int]]:
    """Dependents and providers of each of these distinct CIs, each once, ascending."""
    asked = np.array(sorted(indices), np.int32)
    to_dependents = snapshot.edges_of_rows(asked)
    to_providers, dependents = _edges_of_dependents(snapshot, asked)
    owners = np.concatenate([snapshot.layout.providers_of(to_dependents), dependents])
    beside = np.concatenate(
        [snapshot.dependent[to_dependents], snapshot.layout.providers_of(to_providers)]
    )
    pairs = np.unique(owners.astype(np.int64) << 32 | beside)
    owners, beside = pairs >> 32, pairs & 0xFFFFFFFF
    ends = np.searchsorted(owners, asked, side="right").tolist()
    listed = beside.tolist()
    found = {
        index: listed[start:end]
        for index, start, end in zip(asked.tolist(), [0, *ends], ends, strict=False)
    }
    return [found[index] for index in indices]


def _edges_of_dependents(snapshot: GraphSnapshot, dependents: Indices) -> tuple[Indices, Indices]:
    """Positions of the edges in which these CIs are the dependents, and which of them is."""
    if len(snapshot.moved):
        each = [snapshot.edges_to_providers(int(index)) for index in dependents]
        return np.concatenate([np.zeros(0, np.int32), *each]), np.repeat(
            dependents, [len(edges) for edges in each]
        )
    first, laid_out = snapshot.layout.way_back
    known = dependents[dependents < len(first) - 1]
    counts = first[known + 1] - first[known]
    return laid_out[spread(first[known], counts)], np.repeat(known, counts)
