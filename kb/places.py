"""How near incidents are to each other by the CIs that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot
from kb.proximity import CLOSENESS, nearness
from opsatlas.errors import NotFoundError

SIBLINGS = CLOSENESS[2]
"""Of two CIs on one provider, also where so many stand on it that `kb.proximity` sees no way
through: what failed may be that provider."""


@dataclass(frozen=True, slots=True)
class Places:
    """Of each pair of incidents."""

    near: NDArray[np.float32]
    """(n, n): closeness of their nearest CIs, 0 to 1."""
    apart: NDArray[np.float32]
    """(n, n): 1 where both name CIs that we know and none is near another."""


def places_between(snapshot: GraphSnapshot, cis: Sequence[Sequence[int]]) -> Places:
    """How near incidents are that are about these CIs (ids, of each incident)."""
    sets = sorted({tuple(sorted(set(each))) for each in cis} - {()})
    if not sets:
        nothing = np.zeros((len(cis), len(cis)), dtype=np.float32)
        return Places(nothing, nothing.copy())
    row_of = {each: row for row, each in enumerate(sets)}
    between = _between(snapshot, sets)
    rows = np.array([row_of.get(tuple(sorted(set(each))), -1) for each in cis], dtype=np.int64)
    known = (rows >= 0)[:, None] & (rows >= 0)[None, :]
    near = np.where(known, between[np.ix_(rows, rows)], 0.0).astype(np.float32)
    return Places(near, (known & (near == 0)).astype(np.float32))


def _between(snapshot: GraphSnapshot, sets: Sequence[tuple[int, ...]]) -> NDArray[np.float32]:
    """(m, m): closeness of each two sets of CIs."""
    columns = {ci_id: at for at, ci_id in enumerate(sorted({ci for each in sets for ci in each}))}
    closeness = np.zeros((len(sets), len(columns)), dtype=np.float32)
    for row, each in enumerate(sets):
        for ci_id, found in nearness(snapshot, each).items():
            if ci_id in columns:
                closeness[row, columns[ci_id]] = found.closeness
    flat = np.array([columns[ci_id] for each in sets for ci_id in each], dtype=np.int64)
    starts = np.cumsum([0, *(len(each) for each in sets)])[:-1]
    between = np.maximum.reduceat(closeness[:, flat], starts, axis=1)
    either = np.maximum(between, between.T)
    return np.maximum(either, _on_one_provider(snapshot, sets))


def _on_one_provider(
    snapshot: GraphSnapshot, sets: Sequence[tuple[int, ...]]
) -> NDArray[np.float32]:
    providers = [_providers(snapshot, each) for each in sets]
    columns = {index: at for at, index in enumerate(sorted(set().union(*providers)))}
    has = np.zeros((len(sets), max(len(columns), 1)), dtype=np.float32)
    for row, each in enumerate(providers):
        has[row, [columns[index] for index in each]] = 1.0
    return np.where(has @ has.T > 0, np.float32(SIBLINGS), np.float32(0.0))


def _providers(snapshot: GraphSnapshot, ci_ids: Sequence[int]) -> set[int]:
    """Indexes of what these CIs stand on directly."""
    found: set[int] = set()
    for ci_id in ci_ids:
        try:
            index = snapshot.index_of(ci_id)
        except NotFoundError:  # retired, or newer than the snapshot
            continue
        edges = snapshot.edges_to_providers(index).tolist()
        found.update(int(snapshot.provider_of(edge)) for edge in edges)
    return found
