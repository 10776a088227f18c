"""From a question in a caller's words to an answer in names: resolve, analyse, name what counts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy.orm import Session

from cmdb import priority
from cmdb.impact import ImpactResult, State, Step, analyse
from cmdb.impact_inventory import Inventory, Named, inventory_at
from cmdb.impact_schemas import (
    AffectedItem,
    AffectedService,
    Because,
    CIName,
    Contact,
    Counts,
    ImpactAnswer,
    ImpactQuestion,
    PathStep,
    PriorityAnswer,
    StateName,
)
from cmdb.priority import Assessment, PriorityMatrix, Urgency
from cmdb.snapshots import GraphCache
from opsatlas.errors import ErrorItem, InvalidInputError

_NAMES: dict[State, StateName] = {
    State.AT_RISK: "at_risk",
    State.DEGRADED: "degraded",
    State.DOWN: "down",
}
_STATES = {name: state for state, name in _NAMES.items()}
_UNSAID = 5
"""Where a service without a criticality stands in the order: after the least critical."""


class TooManyFailedError(InvalidInputError):
    """More failed CIs than one question may name."""

    code = "too_many_failed"


def answer_impact(
    session: Session,
    cache: GraphCache,
    question: ImpactQuestion,
    matrix: PriorityMatrix,
    *,
    max_failed: int,
    max_limit: int,
) -> ImpactAnswer:
    """What is affected when the CIs of `question` fail, in names, with reasons and contacts.

    Raises UnresolvedCIError for CIs that do not exist, are ambiguous or retired, and
    InvalidInputError for a question beyond the limits or of the future.
    """
    started = time.perf_counter()
    _check(question, max_failed, max_limit)
    inventory = inventory_at(session, cache, question.as_of)
    failed = inventory.resolve(question.failed)
    graph = inventory.graph
    result = analyse(graph.snapshot, failed, question.max_depth)
    services = graph.services_among(result.ids)
    listed = _listed(result, question.limit)
    paths = {int(service): result.path(int(service)) for service in services}
    names = inventory.named(_mentioned(failed, listed, paths.values()))
    facts = _Facts(inventory, paths.values())
    affected = sorted(
        (_service(names[service], path, facts, names) for service, path in paths.items()),
        key=_worst_first,
    )
    counts = result.counts()
    assessment = priority.assess(
        [
            priority.AffectedService(each.name, _STATES[each.state], each.criticality)
            for each in affected
        ],
        Urgency(question.urgency),
        matrix,
    )
    return ImpactAnswer(
        failed=[_name(names[ci_id]) for ci_id in dict.fromkeys(failed)],
        services=affected,
        configuration_items=[
            AffectedItem(**_name(names[ci_id]).model_dump(), state=_NAMES[state], distance=distance)
            for ci_id, state, distance in listed
        ],
        counts=Counts(
            down=counts[State.DOWN],
            degraded=counts[State.DEGRADED],
            at_risk=counts[State.AT_RISK],
            services=len(affected),
        ),
        priority=_priority(assessment),
        contacts=_contacts(affected),
        truncated=len(listed) < sum(counts.values()),
        graph_version=graph.revision,
        as_of=inventory.at,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


class _Facts:
    """Names of what paths rest on: relationship types and redundancy groups, asked for once."""

    def __init__(self, inventory: Inventory, paths: Iterable[Sequence[Step]]) -> None:
        causes = [step.cause for path in paths for step in path]
        relationships = {cause.relationship_id for cause in causes} - {None}
        groups = {cause.group_id for cause in causes} - {None}
        self.types = inventory.types(relationships)
        self.groups = inventory.group_names(groups)

    def because(self, step: Step) -> Because:
        """The rule behind a step, in words and numbers that a reader can check."""
        cause = step.cause
        return Because(
            kind=cause.kind.value,
            provider=cause.provider_id,
            relationship_type=self.types.get(cause.relationship_id or 0),
            group=self.groups.get(cause.group_id or 0),
            members=cause.members,
            up=cause.up,
            min_up=cause.min_up,
        )


def _check(question: ImpactQuestion, max_failed: int, max_limit: int) -> None:
    if len(question.failed) > max_failed:
        raise TooManyFailedError(
            f"{len(question.failed):,} failed CIs are named, at most {max_failed:,} may be",
            hint="OPSATLAS_IMPACT_MAX_FAILED sets the limit",
            errors=[ErrorItem("/failed", f"more than {max_failed:,}")],
        )
    if question.limit > max_limit:
        raise InvalidInputError(
            f"limit must be 0 to {max_limit:,}",
            hint="OPSATLAS_IMPACT_MAX_LIMIT sets the largest",
            errors=[ErrorItem("/limit", f"more than {max_limit:,}", question.limit)],
        )


def _listed(result: ImpactResult, limit: int) -> list[tuple[int, State, int]]:
    """(id, state, distance) of the affected CIs to list: worst first, then nearest, then by id."""
    reached = result.reached
    affected = np.flatnonzero(reached.distance > 0)
    order = np.lexsort((affected, reached.distance[affected], -reached.state[affected]))[:limit]
    rows = affected[order]
    return [
        (ci_id, State(state), distance)
        for ci_id, state, distance in zip(
            result.ids[rows].tolist(),
            reached.state[rows].tolist(),
            reached.distance[rows].tolist(),
            strict=True,
        )
    ]


def _mentioned(
    failed: Iterable[int], listed: Iterable[tuple[int, State, int]], paths: Iterable[Sequence[Step]]
) -> set[int]:
    mentioned = {*failed, *(ci_id for ci_id, _state, _distance in listed)}
    return mentioned.union(step.ci_id for path in paths for step in path)


def _name(row: Named) -> CIName:
    return CIName(id=row.id, name=row.name, ci_class=row.ci_class)


def _service(
    row: Named, path: Sequence[Step], facts: _Facts, names: Mapping[int, Named]
) -> AffectedService:
    steps = [
        PathStep(
            id=step.ci_id,
            name=names[step.ci_id].name,
            ci_class=names[step.ci_id].ci_class,
            state=_NAMES[step.state],
            because=facts.because(step),
        )
        for step in path
    ]
    return AffectedService(
        id=row.id,
        name=row.name,
        ci_class=row.ci_class,
        state=steps[-1].state,
        criticality=row.criticality,
        owner=row.owner,
        support_group=row.support_group,
        distance=len(path) - 1,
        path=steps,
    )


def _worst_first(service: AffectedService) -> tuple[int, int, int, str]:
    criticality = service.criticality or _UNSAID
    return -_STATES[service.state], criticality, service.distance, service.name


def _priority(assessment: Assessment) -> PriorityAnswer:
    return PriorityAnswer(
        impact=assessment.impact.value,
        urgency=assessment.urgency.value,
        priority=assessment.priority,
        label=assessment.priority.label,
        reason=assessment.reason,
    )


def _contacts(services: Iterable[AffectedService]) -> list[Contact]:
    """Whom to call, those with the worst-hit services first."""
    by_contact: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for service in services:
        if service.support_group or service.owner:
            by_contact[service.support_group, service.owner].append(service.name)
    return [
        Contact(support_group=group, owner=owner, services=names)
        for (group, owner), names in by_contact.items()
    ]
