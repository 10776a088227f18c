"""The dependency graph in memory, in step with SQL by revision; it can be thrown away any time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, GroupColumns, Ids, RelationshipColumns
from cmdb.models import (
    CIClass,
    ConfigurationItem,
    Dependency,
    FailureDirection,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)
from cmdb.moments import Moment, Moments
from cmdb.past_graph import build_past
from opsatlas import revision
from opsatlas.logs import log

CI, RELATIONSHIP, RELATIONSHIP_TYPE, CI_CLASS = (
    "ci",
    "relationship",
    "relationship_type",
    "ci_class",
)
"""Kinds in the change table that this cache listens to."""

_CHUNK = 50_000
_GRAPH = "graph"
_FEW = 500
"""Changed CIs up to which it is worth asking whether the graph itself changed."""


@dataclass(frozen=True, eq=False)
class DependencyGraph:
    """The snapshot at one revision, and which of its CIs are services."""

    snapshot: GraphSnapshot
    service_ids: Ids
    """(s,) ids of the services among the CIs, ascending."""
    revision: int
    """Revision of the database that this graph shows; the snapshot itself may be older."""

    def services_among(self, ids: Ids) -> Ids:
        """Those of `ids` that are services, ascending."""
        return np.intersect1d(ids, self.service_ids, assume_unique=True)


@dataclass(frozen=True, eq=False)
class PastGraph:
    """The graph of a past moment, and the names of its redundancy groups by id."""

    graph: DependencyGraph
    group_names: dict[int, str]


class GraphCache:
    """Hands out the graph at the newest revision. Any number of threads may ask at once."""

    def __init__(self) -> None:
        self._graph: DependencyGraph | None = None
        self._rebuild = threading.Lock()
        self.moments = Moments()

    def current(self, session: Session) -> DependencyGraph:
        """The graph as `session` sees the database.

        Costs one indexed look-up where nothing changed. Changes that leave the graph as it is
        (a new owner, an address) only move its revision on; others rebuild it.
        """
        graph = self._brought_up_to_date(session, self._graph)
        if graph is None:
            # One thread rebuilds; the others wait, since they may be asking for their own writes.
            with self._rebuild:
                graph = self._brought_up_to_date(session, self._graph) or build(session)
        self._graph = graph
        return graph

    def at(self, session: Session, moment: Moment) -> PastGraph:
        """The graph as it was at a moment that `moments` gave; made once while that is kept."""
        made: PastGraph | None = moment.kept.get(_GRAPH)
        if made is None:
            snapshot, services, group_names = build_past(session, moment)
            graph = DependencyGraph(snapshot, services, snapshot.revision)
            made = moment.kept[_GRAPH] = PastGraph(graph, group_names)
        return made

    def _brought_up_to_date(
        self, session: Session, graph: DependencyGraph | None
    ) -> DependencyGraph | None:
        if graph is None:
            return None
        kinds = (CI, RELATIONSHIP, RELATIONSHIP_TYPE, CI_CLASS)
        changes = revision.changed_since(session, graph.revision, kinds)
        if changes is None:
            return None
        if changes.revision == graph.revision:
            return graph
        if any(changes.ids[kind] for kind in (RELATIONSHIP, RELATIONSHIP_TYPE, CI_CLASS)):
            return None
        if len(changes.ids[CI]) > _FEW or _membership_changed(session, graph, changes.ids[CI]):
            return None
        return replace(graph, revision=changes.revision)


def build(session: Session) -> DependencyGraph:
    """The graph from SQL, streamed: CIs that are not retired, relationships that carry failure."""
    seen = revision.newest(session)
    living = ConfigurationItem.status != LifecycleStatus.RETIRED
    ids = _ids(session.scalars(select(ConfigurationItem.id).where(living)).all())
    services = _ids(
        session.scalars(
            select(ConfigurationItem.id)
            .join(CIClass, CIClass.name == ConfigurationItem.ci_class)
            .where(living, CIClass.is_service)
        ).all()
    )
    groups = GroupColumns.from_rows(
        [
            (row.id, row.dependent_id, *((-1, row.min_up) if row.percent else (row.min_up, -1)))
            for row in session.execute(
                select(
                    RedundancyGroup.id,
                    RedundancyGroup.dependent_id,
                    RedundancyGroup.min_up,
                    RedundancyGroup.min_up_is_percent.label("percent"),
                )
            )
        ]
    )
    snapshot = GraphSnapshot.build(ids, _relationships(session), groups, seen)
    log.debug("graph_built", revision=seen, cis=len(ids))
    return DependencyGraph(snapshot, services, seen)


def _relationships(session: Session) -> Iterator[RelationshipColumns]:
    rows = session.execute(
        select(
            Relationship.id,
            Relationship.dependent_id,
            Relationship.provider_id,
            Relationship.dependency == Dependency.OPTIONAL,
            func.coalesce(Relationship.group_id, -1),
        )
        .join(RelationshipType, RelationshipType.name == Relationship.type)
        .where(RelationshipType.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT),
        execution_options={"yield_per": _CHUNK},
    )
    for chunk in rows.partitions():
        yield RelationshipColumns.from_rows(chunk)


def _membership_changed(session: Session, graph: DependencyGraph, changed: set[int]) -> bool:
    """Whether one of the changed CIs came, went, or became or ceased to be a service."""
    found = session.execute(
        select(ConfigurationItem.id, CIClass.is_service)
        .join(CIClass, CIClass.name == ConfigurationItem.ci_class)
        .where(
            ConfigurationItem.id.in_(changed), ConfigurationItem.status != LifecycleStatus.RETIRED
        )
    ).all()
    now_present = {row.id for row in found}
    now_services = {row.id for row in found if row.is_service}
    asked = _ids(list(changed))
    was_present = set(np.intersect1d(asked, graph.snapshot.ids).tolist())
    was_service = set(np.intersect1d(asked, graph.service_ids).tolist())
    return now_present != was_present or now_services != was_service


def _ids(values: object) -> Ids:
    return np.sort(np.asarray(values, dtype=np.int64))
