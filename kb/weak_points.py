"""Weak points of services: the graph's, weighed with the incidents so far, and told in names."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.foundations import without_foundation
from cmdb.graph import Ids, Indices
from cmdb.impact import State
from cmdb.impact_inventory import Present
from cmdb.live_states import reported_at
from cmdb.references import resolve
from cmdb.single_points import SinglePoints, find_single_points
from cmdb.snapshots import DependencyGraph, GraphCache
from cmdb.spare_members import Spare, groups_without_spare
from cmdb.weak_points import WEIGHTS, WeakPointCache, WeakPoints
from cmdb.whole_graph import Mask
from kb.models import AffectedCI, RecordKind
from kb.visibility import of_readable
from kb.weak_point_schemas import WeakPointCounts, WeakPointKind, WeakPointsAnswer
from kb.weak_point_telling import Telling
from opsatlas.clock import now
from opsatlas.groups import UNGROUPED


@dataclass(frozen=True, slots=True)
class WeakPointsQuestion:
    """What to list; `service` narrows it to what takes one service down."""

    kinds: frozenset[WeakPointKind]
    service: str | None
    limit: int
    offset: int

    @property
    def page(self) -> slice:
        """The part of a list that is asked for."""
        return slice(self.offset, self.offset + self.limit)


class WeakPointFinder:
    """What a server keeps to answer: the graph, and its weak points while they hold."""

    def __init__(self, graphs: GraphCache, budget: float) -> None:
        self._graphs = graphs
        self._kept = WeakPointCache()
        self._budget = budget

    def answer(
        self,
        session: Session,
        question: WeakPointsQuestion,
        infrastructure: Collection[str],
        caller_groups: frozenset[str] | None = UNGROUPED,
    ) -> WeakPointsAnswer:
        """The weak points that `question` asks for, the weakest first.

        Incidents count, in numbers and in scores, where a caller in those groups may read them.
        A service stands on something known where it reaches a CI of the classes `infrastructure`.
        Raises UnresolvedCIError for a service that there is not.
        """
        started, page = time.perf_counter(), question.page
        graph = self._graphs.current(session)
        found = self._kept.current(session, graph, self._budget)
        only = self._only(session, graph, question.service)
        looked = _Looked(session, graph, found, only, _incidents(session, graph, caller_groups))
        telling = Telling(Present(session, self._graphs), graph, found, looked.incidents)
        looks = [found.points] if only is None else [only.points, found.points]
        answer = WeakPointsAnswer(
            counts=WeakPointCounts(),
            examined=looks[0].examined,
            truncated=any(each.examined < each.candidates for each in looks),
            graph_version=graph.revision,
            took_ms=0.0,
        )
        if WeakPointKind.SINGLE_POINT in question.kinds:
            points, services = looked.single_points(), looked.service_rows()
            answer.counts.single_points = len(points)
            target = None if only is None else only.index
            answer.single_points = telling.single_points(points[page], target)
            answer.services = telling.services(services[page])
        if WeakPointKind.HIDDEN_DEPENDENCY in question.kinds:
            groups = looked.hidden_dependencies()
            answer.counts.hidden_dependencies = len(groups)
            answer.hidden_dependencies = telling.hidden_dependencies(groups[page])
        if WeakPointKind.NO_SPARE in question.kinds:
            spares = looked.no_spare()
            answer.counts.no_spare = len(spares)
            answer.no_spare = telling.no_spare(spares[page])
        if WeakPointKind.CIRCLE in question.kinds:
            circles = looked.circles()
            answer.counts.circles = len(circles)
            answer.circles = telling.circles(circles[page])
        if WeakPointKind.NO_INFRASTRUCTURE in question.kinds:
            unfounded = looked.without_infrastructure(infrastructure)
            answer.counts.no_infrastructure = len(unfounded)
            answer.no_infrastructure = telling.unfounded(unfounded[page])
        answer.took_ms = round((time.perf_counter() - started) * 1000, 1)
        return answer

    def _only(self, session: Session, graph: DependencyGraph, service: str | None) -> _Only | None:
        if service is None:
            return None
        index = graph.snapshot.index_of(resolve(session, [service])[0])
        rows = np.array([index], np.int32)
        points = find_single_points(graph.snapshot, rows, np.zeros(1, np.int32), 1, self._budget)
        return _Only(index, points)


@dataclass(frozen=True, slots=True, eq=False)
class _Only:
    """The service that alone is asked about, and what takes it down."""

    index: int
    points: SinglePoints


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Everything that is weak, as indices in the order of an answer."""

    session: Session
    graph: DependencyGraph
    found: WeakPoints
    only: _Only | None
    incidents: Ids
    """(n,) incidents so far, by index."""

    def single_points(self) -> Indices:
        """CIs by score, then by index."""
        if self.only is None:
            some = np.flatnonzero(self.found.weight)
        else:
            some = np.flatnonzero(self.only.points.taken_down[:, 0])
        score = self.found.weight[some] * (1 + self.incidents[some])
        return some[np.lexsort((some, -score))].astype(np.int32)

    def service_rows(self) -> Indices:
        """Places in `found.services` of those that something takes down, the weakest first."""
        count = self.found.points.points
        rows = np.flatnonzero(count)
        if self.only is not None:
            rows = rows[self.found.services[rows] == self.only.index]
        weight = count[rows] * WEIGHTS[self.found.criticality[rows] - 1]
        return rows[np.lexsort((rows, -weight))].astype(np.int32)

    def hidden_dependencies(self) -> Indices:
        """Group indices by the weight of the dependent over the groups that share the same."""
        found = self.found
        groups = np.flatnonzero(found.points.shared)
        groups = groups[self._within(found.points.owner[groups])]
        weight = found.weight_with_own[found.points.owner[groups]]
        score = weight / found.sharing_groups[groups]
        order = np.lexsort((groups, -found.points.shared[groups], -score))
        return groups[order].astype(np.int32)

    def no_spare(self) -> list[Spare]:
        """Broken groups first, then those that miss a member, then by weight."""
        reported = reported_at(self.session, now())
        down = {ci_id for ci_id, each in reported.items() if each.state == State.DOWN}
        snapshot = self.graph.snapshot
        spares = [
            each
            for each in groups_without_spare(self.session, down)
            if self._within(snapshot.index_of(each.group.dependent))
        ]

        def order(each: Spare) -> tuple[bool, bool, int, int]:
            weight = self.found.weight_with_own[snapshot.index_of(each.group.dependent)]
            return each.up >= each.min_up, not each.missing, -int(weight), each.group.id

        return sorted(spares, key=order)

    def circles(self) -> list[Indices]:
        """The largest first."""
        return [each for each in self.found.circles if np.any(self._within(each))]

    def without_infrastructure(self, classes: Collection[str]) -> Indices:
        """Services by criticality, then by index; none where no classes are named."""
        if not classes:
            return np.zeros(0, np.int32)
        rows = without_foundation(self.session, self.graph, classes)
        if self.only is not None:
            rows = rows[rows == self.only.index]
        criticality = self.found.criticality[np.searchsorted(self.found.services, rows)]
        return rows[np.lexsort((rows, criticality))]

    def _within(self, indices: Indices | int) -> Mask:
        """Which of these CIs are asked about: what the service stands on, or everything."""
        if self.only is None:
            return np.ones(np.shape(indices), np.bool_)
        return np.asarray(self.only.points.needed[indices])


def _incidents(session: Session, graph: DependencyGraph, groups: frozenset[str] | None) -> Ids:
    """(n,) how many incidents that the caller may read name each CI, by index."""
    rows = session.execute(
        select(AffectedCI.ci_id, func.count())
        .where(AffectedCI.record_kind == RecordKind.INCIDENT, of_readable(groups))
        .group_by(AffectedCI.ci_id)
    )
    snapshot = graph.snapshot
    found = np.zeros(snapshot.size, np.int64)
    for ci_id, count in rows:
        if ci_id is not None and snapshot.has(ci_id):
            found[snapshot.index_of(ci_id)] = count
    return found
