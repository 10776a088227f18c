"""Events: changes of services' states, decided on under the write lock and so written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.impact import State
from cmdb.live_models import ServiceState, ServiceStateEvent
from cmdb.live_schemas import StateEvent
from cmdb.live_services import live_paths, name_of
from cmdb.live_states import LiveStates
from cmdb.models import ConfigurationItem
from cmdb.snapshots import GraphCache
from cmdb.state_tracks import Announcement, Patience, Track, follow, to_announce
from opsatlas.clock import rfc3339

Told = dict[int, tuple[Track, Track, Announcement]]
"""By service: the track before, the one after, what is to be announced."""


class Steps:
    """What following the live states at one moment comes to."""

    def __init__(self, session: Session, live: LiveStates, at: datetime, patience: Patience):
        self.tracks = _tracks(session)
        self.changed: dict[int, Track] = {}
        self.told: Told = {}
        for service in {*self.tracks, *live.services}:
            before = self.tracks.get(service, Track())
            actual = live.services.get(service, State.OPERATIONAL)
            audible = live.audible.get(service, State.OPERATIONAL)
            state = to_announce(before.announced, actual, audible)
            after, announcement = follow(before, state, at.timestamp(), patience)
            if after != before or after.is_idle:
                self.changed[service] = after
            if announcement is not None:
                self.told[service] = before, after, announcement

    def anything(self) -> bool:
        """Whether anything is to be written."""
        return any(
            service in self.tracks or not track.is_idle for service, track in self.changed.items()
        )


def write_steps(
    session: Session,
    graphs: GraphCache,
    live: LiveStates,
    at: datetime,
    patience: Patience,
    *,
    keep: int,
) -> int:
    """Follow the live states and write what changed, with its events; how many events.

    The caller holds the write lock. `keep` is how many events stay readable.
    """
    steps = Steps(session, live, at, patience)
    _store(session, steps.changed)
    rows = _events(session, graphs, live, at, steps.told)
    if rows:
        session.execute(insert(ServiceStateEvent), rows)
        newest = newest_event(session)
        session.execute(delete(ServiceStateEvent).where(ServiceStateEvent.id <= newest - keep))
    return len(rows)


def newest_event(session: Session) -> int:
    """The id of the newest event; 0 where there was none."""
    return session.scalar(select(func.max(ServiceStateEvent.id))) or 0


def oldest_event(session: Session) -> int:
    """The id of the oldest event that is kept; 0 where there is none."""
    return session.scalar(select(func.min(ServiceStateEvent.id))) or 0


def events_after(session: Session, after: int, limit: int) -> list[StateEvent]:
    """The events that came after one, in their order."""
    rows = session.scalars(
        select(ServiceStateEvent)
        .where(ServiceStateEvent.id > after)
        .order_by(ServiceStateEvent.id)
        .limit(limit)
    )
    return [
        StateEvent.model_validate({"id": row.id, "at": row.at, "event": row.event, **row.data})
        for row in rows
    ]


def _tracks(session: Session) -> dict[int, Track]:
    return {
        row.service_id: Track(
            State[row.announced.upper()],
            State[row.seen.upper()],
            row.seen_at.timestamp(),
            tuple(row.changes),
            row.flapping,
        )
        for row in session.scalars(select(ServiceState))
    }


def _store(session: Session, changed: dict[int, Track]) -> None:
    session.expunge_all()
    for some in chunks(changed):
        session.execute(delete(ServiceState).where(ServiceState.service_id.in_(some)))
    rows = [
        {
            "service_id": service,
            "announced": name_of(track.announced),
            "seen": name_of(track.seen),
            "seen_at": datetime.fromtimestamp(track.seen_at, UTC),
            "changes": list(track.changes),
            "flapping": track.flapping,
        }
        for service, track in changed.items()
        if not track.is_idle
    ]
    if rows:
        session.execute(insert(ServiceState), rows)


def _events(
    session: Session, graphs: GraphCache, live: LiveStates, at: datetime, told: Told
) -> Sequence[dict[str, Any]]:
    services = sorted(told, key=lambda service: (-told[service][1].seen, service))
    causes = _causes(session, graphs, live, told)
    named = _named(session, services)
    return [
        {
            "at": at,
            "event": "flapping" if announcement == Announcement.FLAPPING else "service_state",
            "data": {
                **named[service],
                "from": name_of(before.announced),
                "to": name_of(after.seen),
                "since": rfc3339(datetime.fromtimestamp(after.seen_at, UTC)),
                "because": causes.get(service),
                "settled": announcement == Announcement.SETTLED,
            },
        }
        for service in services
        for before, after, announcement in [told[service]]
        if service in named
    ]


def _causes(
    session: Session, graphs: GraphCache, live: LiveStates, told: Told
) -> dict[int, dict[str, Any]]:
    """Why each service that is told of is not operational, without what is muted if that is so."""
    results = {}
    for service, (_before, after, _announcement) in told.items():
        heard = live.audible.get(service) == after.seen
        result = live.loud if heard else live.result
        if after.seen and result is not None and service in live.services:
            results[service] = result
    found = {}
    for service, path in live_paths(session, graphs, results).items():
        first = path[0]
        reported = live.reported.get(first.id)
        found[service] = {
            "ci": {"id": first.id, "name": first.name, "ci_class": first.ci_class},
            "state": first.state,
            "source": "" if reported is None else reported.source,
            "message": "" if reported is None else reported.message,
            "path": [step.name for step in path],
        }
    return found


def _named(session: Session, services: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What an event says of each service; without those that are gone."""
    columns = (
        ConfigurationItem.id,
        ConfigurationItem.name,
        ConfigurationItem.ci_class,
        ConfigurationItem.criticality,
    )
    return {
        row.id: {
            "service": {"id": row.id, "name": row.name, "ci_class": row.ci_class},
            "criticality": row.criticality,
        }
        for some in chunks(services)
        for row in session.execute(select(*columns).where(ConfigurationItem.id.in_(some)))
    }
