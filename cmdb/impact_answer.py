"""From a question in a caller's words to an answer in names: resolve, analyse, name what counts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy.orm import Session

from cmdb.impact import Step
from cmdb.impact_findings import STATE_NAMES, Findings, Hit, find
from cmdb.impact_inventory import Inventory, Named, inventory_at
from cmdb.impact_json import impact_json
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
)
from cmdb.priority import Assessment, PriorityMatrix
from cmdb.snapshots import GraphCache
from opsatlas.errors import ErrorItem, InvalidInputError


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
    found = _found(session, cache, question, max_failed, max_limit)
    return _told(found, found.assessment(question.urgency, matrix), started)


def answer_impact_json(
    session: Session,
    cache: GraphCache,
    question: ImpactQuestion,
    matrix: PriorityMatrix,
    *,
    max_failed: int,
    max_limit: int,
) -> bytes:
    """The same as JSON text, without a model for everything that is told; raises the same."""
    started = time.perf_counter()
    found = _found(session, cache, question, max_failed, max_limit)
    return impact_json(found, found.assessment(question.urgency, matrix), started)


def answer_from(
    inventory: Inventory, question: ImpactQuestion, matrix: PriorityMatrix, patience: int
) -> bytes:
    """The same from an inventory that is at hand, for a question within the limits.

    Raises ReachesFarError where more than `patience` CIs are affected.
    """
    started = time.perf_counter()
    found = find(inventory, inventory.resolve(question.failed), question, patience)
    return impact_json(found, found.assessment(question.urgency, matrix), started)


def _check_limits(question: ImpactQuestion, max_failed: int, max_limit: int) -> None:
    """Raises TooManyFailedError and InvalidInputError for a question beyond the limits."""
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


def _found(
    session: Session, cache: GraphCache, question: ImpactQuestion, max_failed: int, max_limit: int
) -> Findings:
    _check_limits(question, max_failed, max_limit)
    inventory = inventory_at(session, cache, question.as_of)
    return find(inventory, inventory.resolve(question.failed), question)


def _told(found: Findings, assessment: Assessment, started: float) -> ImpactAnswer:
    steps = {ci_id: _step(found, step) for ci_id, step in found.steps.items()}
    services = [
        _service(hit, [steps[each] for each in found.path_to(hit.named.id)]) for hit in found.hits
    ]
    return ImpactAnswer(
        failed=[_name(found.names[ci_id]) for ci_id in found.failed],
        services=services,
        configuration_items=[
            AffectedItem(
                id=each.ci_id,
                name=found.names[each.ci_id].name,
                ci_class=found.names[each.ci_id].ci_class,
                state=STATE_NAMES[each.state],
                distance=each.distance,
            )
            for each in found.listed
        ],
        counts=Counts(
            **{name: found.counts[state] for state, name in STATE_NAMES.items()},
            services=len(services),
        ),
        priority=_priority(assessment),
        contacts=[
            Contact(support_group=group, owner=owner, services=names)
            for (group, owner), names in found.contacts().items()
        ],
        truncated=found.truncated,
        graph_version=found.revision,
        as_of=found.at,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


def _name(row: Named) -> CIName:
    return CIName(id=row.id, name=row.name, ci_class=row.ci_class)


def _step(found: Findings, step: Step) -> PathStep:
    cause, row = step.cause, found.names[step.ci_id]
    return PathStep(
        id=step.ci_id,
        name=row.name,
        ci_class=row.ci_class,
        state=STATE_NAMES[step.state],
        because=Because(
            kind=cause.kind.value,
            provider=cause.provider_id,
            relationship_type=found.type_of(cause),
            group=found.group_of(cause),
            members=cause.members,
            up=cause.up,
            min_up=cause.min_up,
        ),
    )


def _service(hit: Hit, path: Sequence[PathStep]) -> AffectedService:
    row = hit.named
    return AffectedService(
        id=row.id,
        name=row.name,
        ci_class=row.ci_class,
        state=STATE_NAMES[hit.state],
        criticality=row.criticality,
        owner=row.owner,
        support_group=row.support_group,
        distance=hit.distance,
        path=list(path),
    )


def _priority(assessment: Assessment) -> PriorityAnswer:
    return PriorityAnswer(
        impact=assessment.impact.value,
        urgency=assessment.urgency.value,
        priority=assessment.priority,
        label=assessment.priority.label,
        reason=assessment.reason,
    )
