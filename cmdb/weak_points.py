"""The weak points of the whole graph at one revision, kept while they hold."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.circles import find_circles
from cmdb.graph import GraphSnapshot, Ids, Indices
from cmdb.models import CIClass, ConfigurationItem
from cmdb.single_points import SinglePoints, find_single_points
from cmdb.snapshots import DependencyGraph
from cmdb.whole_graph import carriers, matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

WEIGHTS = np.array([4, 3, 2, 1])
"""What a service counts, by criticality 1 to 4."""
UNSAID = 3
"""The criticality of a service of which nobody said it, as for the priority of an impact."""


@dataclass(frozen=True, eq=False)
class WeakPoints:
    """What was found in a graph of n CIs and s services."""

    snapshot: GraphSnapshot
    services: Indices
    """(s,) their indices, ascending."""
    criticality: Ids
    """(s,) 1 to 4."""
    points: SinglePoints

    @cached_property
    def weight(self) -> Ids:
        """(n,) the weights of the services that each CI takes down alone, without its own."""
        found: Ids = self.points.taken_down @ WEIGHTS
        return found

    @cached_property
    def weight_with_own(self) -> Ids:
        """(n,) the same, a service's own among them."""
        found = self.weight.copy()
        found[self.services] += WEIGHTS[self.criticality - 1]
        return found

    @cached_property
    def sharing_groups(self) -> Ids:
        """(g,) how many groups share what a group does, of all that it shares the rarest: one data
        centre under all of them is known, one power feed under two of them is not."""
        shared = self.points.nearest_shared
        count = Counter(ci for cis in shared.values() for ci in cis)
        found = np.ones(len(self.points.shared), np.int64)
        for group, cis in shared.items():
            found[group] = min(count[ci] for ci in cis)
        return found

    @cached_property
    def circles(self) -> list[Indices]:
        """As `find_circles`."""
        return find_circles(self.snapshot)

    @cached_property
    def needed(self) -> csr_array:
        """From providers to the dependents that are down without them, groups left out."""
        edges = carriers(self.snapshot)
        kept = edges.needed
        return matrix(edges.provider[kept], edges.dependent[kept], self.snapshot.size)


class WeakPointCache:
    """Hands out the weak points of a graph. Any number of threads may ask; one of them looks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[int, WeakPoints] | None = None

    def current(self, session: Session, graph: DependencyGraph, budget: float) -> WeakPoints:
        """The weak points of `graph`, looked for at most `budget` seconds; made again only where
        the graph or the criticality of a service changed."""
        with self._lock:
            if self._kept is not None and self._kept[0] == graph.revision:
                return self._kept[1]
            services = np.searchsorted(graph.snapshot.ids, graph.service_ids).astype(np.int32)
            criticality = _criticality(session, graph.service_ids)
            kept = None if self._kept is None else self._kept[1]
            if (
                kept is None
                or kept.snapshot is not graph.snapshot
                or not np.array_equal(kept.services, services)
                or not np.array_equal(kept.criticality, criticality)
            ):
                kind = (criticality - 1).astype(np.int32)
                points = find_single_points(graph.snapshot, services, kind, len(WEIGHTS), budget)
                kept = WeakPoints(graph.snapshot, services, criticality, points)
            self._kept = graph.revision, kept
            return kept


def _criticality(session: Session, service_ids: Ids) -> Ids:
    rows = session.execute(
        select(ConfigurationItem.id, ConfigurationItem.criticality)
        .join(CIClass, CIClass.name == ConfigurationItem.ci_class)
        .where(CIClass.is_service)
    )
    said = {row.id: row.criticality for row in rows}
    return np.array([said.get(each) or UNSAID for each in service_ids.tolist()], np.int64)
