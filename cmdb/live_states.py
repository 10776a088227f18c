"""The state of every service right now: what is reported of CIs, through the graph.

Of the reports of one CI the worst that has not expired counts. Expiry and maintenance windows work
without anybody writing: what is answered holds until the next moment at which one of them changes.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cmdb import maintenance
from cmdb.graph import GraphSnapshot
from cmdb.impact import ImpactResult, State, analyse
from cmdb.live_models import CIState
from cmdb.models import ConfigurationItem
from cmdb.snapshots import DependencyGraph, GraphCache
from opsatlas import revision
from opsatlas.errors import NotFoundError

REPORTED = {"degraded": State.DEGRADED, "down": State.DOWN}


@dataclass(frozen=True, slots=True)
class Reported:
    """The report that counts for a CI: the worst, of equal ones the oldest."""

    state: State
    since: datetime
    source: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class LiveStates:
    """What is not operational at one moment. `graph` and `result` are None where nothing is."""

    revision: int
    at: datetime
    until: datetime | None
    """When time alone may change it; None: never."""
    reported: dict[int, Reported]
    """By CI that the graph knows."""
    graph: DependencyGraph | None
    result: ImpactResult | None
    services: dict[int, State]
    """Affected services by id; all others are operational."""
    loud: ImpactResult | None
    """`result` without the failures that are under maintenance."""
    audible: dict[int, State]
    """Services by that, without those that are under maintenance: what events tell of."""

    def is_muted(self, service: int) -> bool:
        """Whether only failures under maintenance explain the state of an affected service."""
        return service in self.services and service not in self.audible


class LiveCache:
    """Hands out the live states as a session sees them. Any number of threads may ask at once."""

    def __init__(self, graphs: GraphCache) -> None:
        self._graphs = graphs
        self._kept: LiveStates | None = None
        self._making = threading.Lock()

    def current(self, session: Session, at: datetime) -> LiveStates:
        """The live states at `at`, which is about now. Not for a session that has written."""
        kept = self._fitting(session, at)
        if kept is None:
            with self._making:
                kept = self._fitting(session, at) or build(session, self._graphs, at)
                self._kept = kept
        return kept

    def _fitting(self, session: Session, at: datetime) -> LiveStates | None:
        kept = self._kept
        if kept is None or kept.revision != revision.newest(session) or at < kept.at:
            return None
        return None if kept.until is not None and at >= kept.until else kept


def build(session: Session, graphs: GraphCache, at: datetime) -> LiveStates:
    """The live states of a moment, from what is reported and the graph at the newest revision."""
    seen = revision.newest(session)
    reported = reported_at(session, at)
    until = _next_change(session, at)
    if not reported:
        return LiveStates(seen, at, until, {}, None, None, {}, None, {})
    graph = graphs.current(session)
    reported = {ci_id: reported[ci_id] for ci_id in _present(graph.snapshot, reported)}
    result = _analysed(graph.snapshot, reported, reported)
    services = _services(graph, result)
    quiet = maintenance.under_maintenance(session, {*reported, *services}, at)
    loud, audible = result, services
    if quiet:
        loud = _analysed(graph.snapshot, reported, reported.keys() - quiet)
        heard = _services(graph, loud)
        audible = {ci_id: state for ci_id, state in heard.items() if ci_id not in quiet}
    return LiveStates(seen, at, until, reported, graph, result, services, loud, audible)


def reported_at(session: Session, at: datetime) -> dict[int, Reported]:
    """The report that counts at a moment, by CI; those of merged CIs are about what they became."""
    rows = session.execute(
        select(
            func.coalesce(ConfigurationItem.merged_into, ConfigurationItem.id).label("ci_id"),
            CIState.state,
            CIState.since,
            CIState.source,
            CIState.message,
        )
        .join(ConfigurationItem, ConfigurationItem.id == CIState.ci_id)
        .where(
            CIState.state.in_(list(REPORTED)),
            or_(CIState.expires_at.is_(None), CIState.expires_at > at),
        )
        .order_by(CIState.since, CIState.id)
    )
    worst: dict[int, Reported] = {}
    for row in rows:
        state = REPORTED[row.state]
        if row.ci_id not in worst or state > worst[row.ci_id].state:
            worst[row.ci_id] = Reported(state, row.since, row.source, row.message)
    return worst


def _next_change(session: Session, at: datetime) -> datetime | None:
    expiry = session.scalar(
        select(func.min(CIState.expires_at)).where(
            CIState.state.in_(list(REPORTED)), CIState.expires_at > at
        )
    )
    moments = (expiry, maintenance.next_change(session, at))
    return min((each for each in moments if each is not None), default=None)


def _present(snapshot: GraphSnapshot, ids: Collection[int]) -> list[int]:
    """Those of the CIs that are in the graph: the others are retired."""
    present = []
    for ci_id in sorted(ids):
        with suppress(NotFoundError):
            snapshot.index_of(ci_id)
            present.append(ci_id)
    return present


def _analysed(
    snapshot: GraphSnapshot, reported: dict[int, Reported], ids: Iterable[int]
) -> ImpactResult:
    chosen = [(ci_id, reported[ci_id].state) for ci_id in ids]
    down = [ci_id for ci_id, state in chosen if state == State.DOWN]
    degraded = [ci_id for ci_id, state in chosen if state == State.DEGRADED]
    return analyse(snapshot, down, degraded=degraded)


def _services(graph: DependencyGraph, result: ImpactResult) -> dict[int, State]:
    ids = result.ids
    services = graph.services_among(ids)
    states = result.reached.state[np.searchsorted(ids, services)]
    return {
        ci_id: State(state) for ci_id, state in zip(services.tolist(), states.tolist(), strict=True)
    }
