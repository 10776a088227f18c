"""Services of which nobody knows what they stand on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, Indices
from cmdb.models import CIClass, ConfigurationItem, LifecycleStatus
from cmdb.snapshots import DependencyGraph
from cmdb.whole_graph import Mask, carriers, reached_from


def without_foundation(
    session: Session, graph: DependencyGraph, classes: Collection[str]
) -> Indices:
    """Services (indices) that reach no CI of these classes, or of classes below them, over
    whatever they depend on, optional or not."""
    snapshot = graph.snapshot
    founded = _founded(snapshot, _indices_of_classes(session, snapshot, classes))
    services = np.searchsorted(snapshot.ids, graph.service_ids).astype(np.int32)
    return services[~founded[services]]


def _founded(snapshot: GraphSnapshot, infrastructure: Indices) -> Mask:
    edges = carriers(snapshot)
    return reached_from(infrastructure, edges.provider, edges.dependent, snapshot.size)


def _indices_of_classes(
    session: Session, snapshot: GraphSnapshot, classes: Collection[str]
) -> Indices:
    ids = session.scalars(
        select(ConfigurationItem.id).where(
            ConfigurationItem.ci_class.in_(_with_those_below(session, classes)),
            ConfigurationItem.status != LifecycleStatus.RETIRED,
        )
    ).all()
    found = np.searchsorted(snapshot.ids, np.array(ids, np.int64)).astype(np.int32)
    return np.sort(found)


def _with_those_below(session: Session, classes: Collection[str]) -> set[str]:
    tree = session.execute(select(CIClass.name, CIClass.parent)).all()
    found = set(classes)
    while below := {row.name for row in tree if row.parent in found} - found:
        found |= below
    return found
