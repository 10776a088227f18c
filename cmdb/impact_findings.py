"""What an analysis found, as plain values: what is told of it is a matter of `impact_answer` (as
models) and of `impact_json` (as text)."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from cmdb import priority
from cmdb.graph import EdgeKind, Ids
from cmdb.impact import Cause, CauseKind, ImpactResult, ReachesFarError, State, Step, analyse
from cmdb.impact_inventory import Inventory, Named
from cmdb.impact_schemas import ImpactQuestion, StateName
from cmdb.priority import Assessment, PriorityMatrix, Urgency
from cmdb.propagation import NOBODY

STATE_NAMES: dict[State, StateName] = {
    State.AT_RISK: "at_risk",
    State.DEGRADED: "degraded",
    State.DOWN: "down",
}
_STATES = tuple(State)
_KINDS = {EdgeKind.REQUIRED: CauseKind.REQUIRED, EdgeKind.OPTIONAL: CauseKind.OPTIONAL}
_MANY = 32
"""Services above which their paths are taken as arrays."""
_UNSAID = 5
"""Where a service without a criticality stands in the order: after the least critical."""


class Listed(NamedTuple):
    """An affected CI of the list."""

    ci_id: int
    state: State
    distance: int


class Hit(NamedTuple):
    """An affected service."""

    named: Named
    state: State
    distance: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What fails with the failed CIs, and the names of what is told of it."""

    failed: Sequence[int]
    """Ids, each once, in the order in which they were named."""
    hits: Sequence[Hit]
    """Every affected service: worst state first, then criticality, distance, name."""
    listed: Sequence[Listed]
    """Affected CIs without the failed ones: worst first, then nearest, then by id."""
    counts: Mapping[State, int]
    steps: Mapping[int, Step]
    """By CI: every step of the paths to the services, each once however many paths it is on."""
    names: Mapping[int, Named]
    types: Mapping[int, str]
    groups: Mapping[int, str]
    revision: int
    at: datetime | None

    @property
    def truncated(self) -> bool:
        """Whether affected CIs are left out of the list."""
        return len(self.listed) < sum(self.counts.values())

    def path_to(self, ci_id: int) -> list[int]:
        """The CIs from a failed one to this service."""
        path = [ci_id]
        while (provider := self.steps[path[-1]].cause.provider_id) is not None:
            path.append(provider)
        return path[::-1]

    def type_of(self, cause: Cause) -> str | None:
        """The type of the relationship behind a state."""
        return self.types.get(cause.relationship_id or 0)

    def group_of(self, cause: Cause) -> str | None:
        """The name of the redundancy group behind a state."""
        return None if cause.group_id is None else self.groups.get(cause.group_id)

    def assessment(self, urgency: str, matrix: PriorityMatrix) -> Assessment:
        """The priority that follows from the services."""
        services = (
            priority.AffectedService(hit.named.name, hit.state, hit.named.criticality)
            for hit in self._telling_hits()
        )
        return priority.assess(services, Urgency(urgency), matrix)

    def contacts(self) -> dict[tuple[str | None, str | None], list[str]]:
        """By support group and owner: their services, those with the worst-hit ones first."""
        found: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
        for hit in self.hits:
            if hit.named.support_group or hit.named.owner:
                found[hit.named.support_group, hit.named.owner].append(hit.named.name)
        return found

    def _telling_hits(self) -> Iterable[Hit]:
        """Of each state and criticality the first by name: no other can decide a priority."""
        first: dict[tuple[State, int | None], Hit] = {}
        for hit in self.hits:
            kind = (hit.state, hit.named.criticality)
            if kind not in first or hit.named.name < first[kind].named.name:
                first[kind] = hit
        return first.values()


def find(
    inventory: Inventory,
    failed: Sequence[int],
    question: ImpactQuestion,
    patience: int = sys.maxsize,
) -> Findings:
    """Analyse, and ask for the names of what the answer tells, once each.

    Raises ReachesFarError where more than `patience` CIs are affected.
    """
    graph = inventory.graph
    result = analyse(graph.snapshot, failed, question.max_depth, patience=patience)
    if len(result.reached.index) > patience:
        raise ReachesFarError
    services = graph.services_among(result.ids)
    listed = _listed(result, question.limit)
    steps = _steps_to(result, services)
    names = inventory.named({*failed, *steps, *(each.ci_id for each in listed)})
    causes = [step.cause for step in steps.values()]
    return Findings(
        failed=list(dict.fromkeys(failed)),
        hits=_hits(result, services, steps, names),
        listed=listed,
        counts=result.counts(),
        steps=steps,
        names=names,
        types=inventory.types({cause.relationship_id for cause in causes} - {None}),
        groups=inventory.group_names({cause.group_id for cause in causes} - {None}),
        revision=graph.revision,
        at=inventory.at,
    )


def _listed(result: ImpactResult, limit: int) -> list[Listed]:
    reached = result.reached
    affected = np.flatnonzero(reached.distance > 0)
    order = np.lexsort((affected, reached.distance[affected], -reached.state[affected]))[:limit]
    rows = affected[order]
    return [
        Listed(ci_id, State(state), distance)
        for ci_id, state, distance in zip(
            result.ids[rows].tolist(),
            reached.state[rows].tolist(),
            reached.distance[rows].tolist(),
            strict=True,
        )
    ]


def _steps_to(result: ImpactResult, services: Ids) -> dict[int, Step]:
    if len(services) > _MANY:
        return _steps_by_rounds(result, services)
    steps: dict[int, Step] = {}
    for service in services.tolist():
        ci_id: int | None = service
        while ci_id is not None and ci_id not in steps:
            step = steps[ci_id] = result.step(ci_id)
            ci_id = step.cause.provider_id
    return steps


def _steps_by_rounds(result: ImpactResult, services: Ids) -> dict[int, Step]:
    """The same, all services taken one step back at a time."""
    snapshot, reached = result.snapshot, result.reached
    on_path = np.zeros(len(reached.index), np.bool_)
    rows = np.searchsorted(result.ids, services)
    while len(rows):
        on_path[rows] = True
        edges = reached.cause[rows]
        providers = snapshot.layout.providers_of(edges[edges != NOBODY])
        back = np.unique(np.searchsorted(reached.index, providers))
        rows = back[~on_path[back]]
    steps = {}
    rows = np.flatnonzero(on_path & (reached.cause != NOBODY))
    edges = reached.cause[rows]
    for ci_id, state, edge, provider, relationship in zip(
        result.ids[rows].tolist(),
        reached.state[rows].tolist(),
        edges.tolist(),
        snapshot.ids[snapshot.layout.providers_of(edges)].tolist(),
        snapshot.relationship[edges].tolist(),
        strict=True,
    ):
        kind = snapshot.kind_of(edge)
        if kind == EdgeKind.REDUNDANCY:
            steps[ci_id] = result.step(ci_id)
        else:
            cause = Cause(_KINDS[kind], provider, relationship)
            steps[ci_id] = Step(ci_id, _STATES[state], cause)
    for ci_id in result.ids[on_path & (reached.cause == NOBODY)].tolist():
        steps[ci_id] = result.step(ci_id)
    return steps


def _hits(
    result: ImpactResult, services: Ids, steps: Mapping[int, Step], names: Mapping[int, Named]
) -> list[Hit]:
    distances = result.reached.distance[np.searchsorted(result.ids, services)]
    hits = [
        Hit(names[service], steps[service].state, distance)
        for service, distance in zip(services.tolist(), distances.tolist(), strict=True)
    ]
    return sorted(hits, key=_worst_first)


def _worst_first(hit: Hit) -> tuple[int, int, int, str]:
    return -hit.state, hit.named.criticality or _UNSAID, hit.distance, hit.named.name
