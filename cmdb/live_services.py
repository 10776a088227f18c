"""The services with their current states: the worst first, each with the path that explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.impact import ImpactResult, State, Step
from cmdb.impact_inventory import Named, inventory_at
from cmdb.impact_schemas import Because, PathStep
from cmdb.live_models import ServiceState
from cmdb.live_schemas import LiveService
from cmdb.live_states import LiveStates
from cmdb.names import did_you_mean
from cmdb.snapshots import GraphCache
from opsatlas.db.listing import FieldKind, InvalidListQueryError, ListQuery, truth
from opsatlas.errors import ErrorItem

FILTERS: dict[str, FieldKind] = {"state": "text", "muted": "boolean"}
"""What the list of services can be filtered by."""

_NAMES = {state.name.lower(): state for state in State}
_LEAST = 5
"""Where a service without a criticality stands in the order: after the least critical."""


@dataclass(frozen=True, slots=True)
class ServicePage:
    """One page of the services: `count` is of the whole list."""

    count: int
    results: list[LiveService]
    more: bool
    last_id: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceFilter:
    """Which services are wanted."""

    states: frozenset[State] = frozenset(State)
    muted: bool | None = None


def list_services(
    session: Session, graphs: GraphCache, live: LiveStates, query: ListQuery
) -> ServicePage:
    """One page of the services: the worst state first, then criticality, then name; those that
    are operational come last, by id. Raises InvalidListQueryError."""
    wanted = service_filter(query)
    inventory = inventory_at(session, graphs, None)
    affected = [
        ci_id
        for ci_id, state in live.services.items()
        if state in wanted.states and wanted.muted in (None, live.is_muted(ci_id))
    ]
    names = dict(inventory.named(affected))
    affected.sort(key=lambda ci_id: _order(live.services[ci_id], names[ci_id]))
    well = np.empty(0, np.int64)
    if State.OPERATIONAL in wanted.states and not wanted.muted:
        ids = inventory.graph.service_ids
        well = np.setdiff1d(ids, np.fromiter(live.services, np.int64), assume_unique=True)
    end = query.offset + query.limit
    ill = affected[query.offset : end]
    start = max(0, query.offset - len(affected))
    rest: list[int] = well[start : max(0, end - len(affected))].tolist()
    names |= inventory.named(rest)
    explained = {} if live.result is None else dict.fromkeys(ill, live.result)
    paths = live_paths(session, graphs, explained)
    since = seen_since(session, live, ill)
    results = [
        LiveService(
            id=ci_id,
            name=names[ci_id].name,
            ci_class=names[ci_id].ci_class,
            state=name_of(live.services.get(ci_id, State.OPERATIONAL)),
            since=since.get(ci_id),
            muted=live.is_muted(ci_id),
            criticality=names[ci_id].criticality,
            owner=names[ci_id].owner,
            support_group=names[ci_id].support_group,
            path=paths.get(ci_id, []),
        )
        for ci_id in [*ill, *rest]
    ]
    count = len(affected) + len(well)
    return ServicePage(count, results, end < count)


def service_filter(query: ListQuery) -> ServiceFilter:
    """The filters of a list of services. Raises InvalidListQueryError for any other."""
    if query.ordering:
        raise _wrong("ordering", "is not possible in this list", "the worst state comes first")
    if query.cursor is not None:
        raise _wrong("cursor", "is not possible in this list", "limit and offset are")
    states: frozenset[State] = frozenset(State)
    muted: bool | None = None
    for name, values in query.filters:
        if name == "state":
            states = frozenset(_state(value) for value in values)
        elif name == "muted":
            muted = truth("muted", values[-1])
        else:
            raise _wrong(name, "is not possible in this list", "state and muted are filters")
    return ServiceFilter(states, muted)


def live_paths(
    session: Session, graphs: GraphCache, results: Mapping[int, ImpactResult]
) -> dict[int, list[PathStep]]:
    """For each of these affected services the path from a reported CI to it, by the result that
    explains it."""
    if not results:
        return {}
    steps = {service: result.path(service) for service, result in results.items()}
    inventory = inventory_at(session, graphs, None)
    named = inventory.named({step.ci_id for path in steps.values() for step in path})
    causes = [step.cause for path in steps.values() for step in path]
    types = inventory.types({cause.relationship_id for cause in causes} - {None})
    groups = inventory.group_names({cause.group_id for cause in causes} - {None})
    return {
        service: [_step(step, named, types, groups) for step in path]
        for service, path in steps.items()
    }


def seen_since(
    session: Session, live: LiveStates, services: Sequence[int]
) -> dict[int, datetime | None]:
    """When each affected service was first seen in its state; where nobody looked since, when the
    CI that explains it was reported so."""
    found: dict[int, datetime | None] = {}
    if live.result is None:
        return found
    for service in services:
        begun = live.reported.get(live.result.path(service)[0].ci_id)
        found[service] = None if begun is None else begun.since
    for some in chunks(services):
        rows = session.execute(
            select(ServiceState.service_id, ServiceState.seen, ServiceState.seen_at).where(
                ServiceState.service_id.in_(some)
            )
        )
        for row in rows:
            if row.seen == name_of(live.services[row.service_id]):
                found[row.service_id] = row.seen_at
    return found


def name_of(state: State) -> str:
    """A state as it goes out."""
    return state.name.lower()


def _order(state: State, row: Named) -> tuple[int, int, str, int]:
    return -state, row.criticality or _LEAST, row.name, row.id


def _step(
    step: Step,
    named: Mapping[int, Named],
    types: Mapping[int, str],
    groups: Mapping[int, str],
) -> PathStep:
    row, cause = named[step.ci_id], step.cause
    return PathStep(
        id=row.id,
        name=row.name,
        ci_class=row.ci_class,
        state=name_of(step.state),
        because=Because(
            kind=cause.kind.value,
            provider=cause.provider_id,
            relationship_type=types.get(cause.relationship_id or 0),
            group=groups.get(cause.group_id or 0),
            members=cause.members,
            up=cause.up,
            min_up=cause.min_up,
        ),
    )


def _state(value: str) -> State:
    try:
        return _NAMES[value]
    except KeyError:
        hint = did_you_mean(value, _NAMES) or f"states: {', '.join(_NAMES)}"
        raise _wrong("state", f"{value[:80]!r} is no state", hint) from None


def _wrong(parameter: str, detail: str, hint: str | None) -> InvalidListQueryError:
    item = ErrorItem(f"/query/{parameter}", f"{parameter} {detail}", None, hint)
    return InvalidListQueryError(item.detail, hint=hint, errors=[item])
