"""A seeded company to measure on: layers from power feeds up to services, heavy-tailed fan-out.

Each CI stands on CIs of the layer below it and, for a part, on CIs further down or beside it, as
applications call applications. Which provider is drawn follows a power law, so a few racks,
clusters and shared services carry most of the company and most CIs carry nearly nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GroupColumns, Ids, RelationshipColumns

LAYERS = {
    "power and racks": 0.005,
    "hypervisors": 0.03,
    "virtual machines and nodes": 0.165,
    "containers": 0.45,
    "applications": 0.25,
    "services": 0.10,
}
"""Share of all CIs, from the bottom."""

IN_GROUPS = 0.10
OPTIONAL = 0.02
BESIDE = 0.04
"""Edges to the same layer, to a CI that comes earlier in it: these make no cycle."""
BACK = 0.0005
"""Edges to a CI that comes later in the same layer, or to a layer above: these make cycles."""
TAIL = 2.0
"""Exponent of the draw: the CI at place `u ** TAIL` of its layer, u uniform in 0 to 1."""


@dataclass(frozen=True)
class Topology:
    """Columns as `GraphSnapshot.build` takes them; CI ids are 1 to n in no order of layers."""

    ci_ids: Ids
    relationships: RelationshipColumns
    groups: GroupColumns
    layer: Ids
    """(n,) place in `LAYERS` of each CI, in the order of `ci_ids`."""


def layered(cis: int, relationships: int, seed: int = 20) -> Topology:
    """A company of so many CIs and relationships."""
    random = np.random.default_rng(seed)
    shares = np.array(list(LAYERS.values()))
    starts = np.concatenate([[0], np.round(np.cumsum(shares) / shares.sum() * cis)]).astype(int)
    dependent = random.integers(starts[1], cis, relationships)
    group = _join_groups(random, dependent)
    provider = _providers(random, starts, dependent, cis)
    optional = (random.random(relationships) < OPTIONAL / (1 - IN_GROUPS)) & (group < 0)
    ids = random.permutation(cis) + 1
    owners = np.zeros(group.max(initial=-1) + 1, np.int64)
    owners[group[group >= 0]] = ids[dependent[group >= 0]]
    count = random.integers(1, 3, len(owners))
    by_percent = random.random(len(owners)) < 0.3
    return Topology(
        np.arange(1, cis + 1),
        RelationshipColumns(
            random.permutation(relationships) + 1, ids[dependent], ids[provider], optional, group
        ),
        GroupColumns(
            np.arange(len(owners)),
            owners,
            np.where(by_percent, -1, count),
            np.where(by_percent, 50.0, -1.0),
        ),
        np.repeat(np.arange(len(shares)), np.diff(starts))[np.argsort(ids)],
    )


def _join_groups(random: np.random.Generator, dependent: Ids) -> Ids:
    """Lets runs of two to four relationships form redundancy groups, which gives the members of
    each run one dependent (in place); group ids by relationship, -1 for none."""
    group = np.full(len(dependent), -1, np.int64)
    sizes = random.integers(2, 5, int(len(dependent) * IN_GROUPS / 3))
    members = int(sizes.sum())
    group[:members] = np.repeat(np.arange(len(sizes)), sizes)
    dependent[:members] = np.repeat(dependent[np.cumsum(sizes) - sizes], sizes)
    return group


def _providers(
    random: np.random.Generator, starts: NDArray[np.int64], dependent: Ids, cis: int
) -> Ids:
    layer = np.searchsorted(starts, dependent, side="right") - 1
    below = np.where(random.random(len(dependent)) < 0.85, layer - 1, random.integers(0, layer))
    place = random.random(len(dependent)) ** TAIL
    provider: Ids = starts[below] + (place * (starts[below + 1] - starts[below])).astype(np.int64)
    kind = random.random(len(dependent))
    beside = kind < BESIDE
    provider[beside] = starts[layer[beside]] + (
        place[beside] * (dependent[beside] - starts[layer[beside]])
    ).astype(np.int64)
    back = kind > 1 - BACK
    provider[back] = random.integers(dependent[back], cis)
    return provider
