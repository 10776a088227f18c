"""What the edit of a relationship type would do to the services, before it is saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from cmdb.explanation_schemas import AnyState
from cmdb.graph import GraphSnapshot, Ids, Indices
from cmdb.impact import State, analyse
from cmdb.impact_findings import STATE_NAMES
from cmdb.impact_inventory import Named, Present
from cmdb.live_states import LiveStates
from cmdb.models import FailureDirection
from cmdb.relationship_types import get_type, patched_type
from cmdb.schemas import RelationshipTypeOut, RelationshipTypePatch
from cmdb.single_points import find_single_points
from cmdb.snapshots import DependencyGraph, GraphCache
from cmdb.standing import stood_on
from cmdb.type_change import TypeChange, change_type
from cmdb.type_effect_schemas import (
    CarryingRelationships,
    CountEdited,
    EditedType,
    RelationshipTypeEffect,
    ServicesOfEdit,
    StateEdited,
    TouchedService,
)
from cmdb.whole_graph import reached_from

_UNSAID = 5
"""Where a service without a criticality stands in the order: after the least critical."""


@dataclass(frozen=True, slots=True)
class EffectLimits:
    """How much an answer tells and may cost."""

    services: int
    """Services that are listed."""
    seconds: float
    """For each kind of counting, before and after together."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """The graph as it is and as it would be; of one, what is lacking is in the other."""

    before: GraphSnapshot
    after: GraphSnapshot
    larger: GraphSnapshot


_States = dict[int, tuple[State, State]]
"""By service, where they differ."""


def type_effect(
    session: Session,
    graphs: GraphCache,
    live: LiveStates,
    name: str,
    patch: RelationshipTypePatch,
    limits: EffectLimits,
) -> RelationshipTypeEffect:
    """What `patch` would change for the services. Raises NotFoundError, InvalidInputError."""
    started = time.perf_counter()
    edited = EditedType(before=get_type(session, name), after=patched_type(session, name, patch))
    inventory = Present(session, graphs)
    graph = inventory.graph
    starts, stops = _carries(edited.after), _carries(edited.before)
    change = change_type(session, graph, name, carries=starts)
    moving = len(change.dependents) if starts != stops else 0
    pair = _Pair(graph.snapshot, change.after, change.after if starts else graph.snapshot)
    touched = _touched(graph, pair, change) if moving else np.zeros(0, np.int32)
    stands = _stood_on(pair, touched, limits.seconds)
    states = _states(graph, live, pair.after) if moving else {}
    ids = graph.snapshot.ids[touched].tolist()
    named = inventory.named(ids)
    listed = _listed(ids, named, stands, states)[: limits.services]
    rows = np.sort(np.array(listed, np.int64))
    points = _single_points(pair, touched[rows], limits.seconds)
    difference = None if stands is None else stands[1] - stands[0]
    return RelationshipTypeEffect(
        relationship_type=edited,
        relationships=CarryingRelationships(
            total=change.total,
            starting=moving if starts else 0,
            stopping=moving if stops else 0,
        ),
        counts=ServicesOfEdit(
            touched=len(touched),
            gaining=None if difference is None else int(np.sum(difference > 0)),
            losing=None if difference is None else int(np.sum(difference < 0)),
            worse=sum(before < after for before, after in states.values()),
            better=sum(before > after for before, after in states.values()),
        ),
        services=[
            _service(
                named[ids[row]],
                _counts(stands, row),
                _counts(points, int(np.searchsorted(rows, row))),
                states.get(ids[row]) or (live.services.get(ids[row], State.OPERATIONAL),) * 2,
            )
            for row in listed
        ],
        truncated=stands is None or points is None,
        graph_version=graph.revision,
        took_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def _carries(each: RelationshipTypeOut) -> bool:
    return each.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT


def _touched(graph: DependencyGraph, pair: _Pair, change: TypeChange) -> Indices:
    """Services (indices, ascending) that stand on one of the relationships in question."""
    edges = pair.larger.edges()
    above = reached_from(change.dependents, edges.provider, edges.dependent, pair.larger.size)
    services = np.searchsorted(graph.snapshot.ids, graph.service_ids).astype(np.int32)
    return services[above[services]]


def _stood_on(pair: _Pair, services: Indices, seconds: float) -> tuple[Ids, Ids] | None:
    started = time.monotonic()
    before = stood_on(pair.before, services, seconds)
    left = seconds - (time.monotonic() - started)
    after = None if before is None else stood_on(pair.after, services, left)
    return None if before is None or after is None else (before, after)


def _single_points(pair: _Pair, services: Indices, seconds: float) -> tuple[Ids, Ids] | None:
    end = time.monotonic() + seconds
    kind = np.zeros(len(services), np.int32)
    found = []
    for snapshot in (pair.before, pair.after):
        points = find_single_points(snapshot, services, kind, 1, end - time.monotonic())
        if points.examined < points.candidates:
            return None
        found.append(points.points)
    return found[0], found[1]


def _states(graph: DependencyGraph, live: LiveStates, after: GraphSnapshot) -> _States:
    """Services whose state would differ, given what is reported now."""
    if not live.reported:
        return {}
    reported = [
        [ci_id for ci_id, each in live.reported.items() if each.state == state]
        for state in (State.DOWN, State.DEGRADED)
    ]
    result = analyse(after, reported[0], degraded=reported[1])
    then = {ci_id: result.state_of(ci_id) for ci_id in graph.services_among(result.ids).tolist()}
    well = State.OPERATIONAL
    pairs = {
        ci_id: (live.services.get(ci_id, well), then.get(ci_id, well))
        for ci_id in {*live.services, *then}
    }
    return {ci_id: each for ci_id, each in pairs.items() if each[0] != each[1]}


def _listed(
    ids: list[int],
    named: Mapping[int, Named],
    stands: tuple[Ids, Ids] | None,
    states: _States,
) -> list[int]:
    """The places in `ids`: what changes first, then by criticality and name."""
    moves = np.ones(len(ids), np.bool_) if stands is None else stands[0] != stands[1]

    def order(row: int) -> tuple[bool, int, str, int]:
        each = named[ids[row]]
        changes = bool(moves[row]) or each.id in states
        return not changes, each.criticality or _UNSAID, each.name, each.id

    return sorted(range(len(ids)), key=order)


def _counts(pair: tuple[Ids, Ids] | None, row: int) -> CountEdited | None:
    if pair is None:
        return None
    return CountEdited(before=int(pair[0][row]), after=int(pair[1][row]))


def _service(
    row: Named,
    stands_on: CountEdited | None,
    single_points: CountEdited | None,
    states: tuple[State, ...],
) -> TouchedService:
    return TouchedService(
        id=row.id,
        name=row.name,
        ci_class=row.ci_class,
        criticality=row.criticality,
        owner=row.owner,
        support_group=row.support_group,
        stands_on=stands_on,
        single_points=single_points,
        state=StateEdited(before=_named(states[0]), after=_named(states[1])),
    )


def _named(state: State) -> AnyState:
    return STATE_NAMES.get(state, "operational")
