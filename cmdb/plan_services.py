"""Which services would change what they stand on, if a plan were carried out?"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.classes import service_classes
from cmdb.models import (
    ConfigurationItem,
    FailureDirection,
    LifecycleStatus,
    Relationship,
    RelationshipType,
)
from cmdb.plan import Current, Plan
from cmdb.plan_report import changes_of_status, name_of
from cmdb.plan_schemas import TouchedService

_LOWEST = 5
"""After the lowest criticality: services that have none."""


def touched_services(
    session: Session, plan: Plan, current: Current, limit: int
) -> list[TouchedService]:
    """The services that are there and stand, over any number of relationships, on a CI whose
    relationships or retirement the plan changes; at most `limit`, the most critical first."""
    through = _changed(plan, current)
    reached = dict(through)
    frontier = [ci_id for ci_id in through if ci_id > 0]
    carrying = select(RelationshipType.name).where(
        RelationshipType.failure_direction != FailureDirection.NONE
    )
    while frontier:
        found: dict[int, str] = {}
        for some in chunks(frontier):
            rows = session.execute(
                select(Relationship.dependent_id, Relationship.provider_id)
                .where(Relationship.provider_id.in_(some), Relationship.type.in_(carrying))
                .order_by(Relationship.dependent_id, Relationship.provider_id)
            )
            for dependent, provider in rows:
                if dependent not in reached:
                    found.setdefault(dependent, reached[provider])
        reached |= found
        frontier = list(found)
    return _services(session, reached, limit)


def _changed(plan: Plan, current: Current) -> dict[int, str]:
    """The CIs where changes begin, each with its name."""
    identities = {stored.id: identity for identity, stored in current.relationships.items()}
    starts: Iterable[int] = (
        *(each.identity[0] for each in plan.new_relationships),
        *(each.identity[0] for each in plan.removed_relationships),
        *(identities[each.id][0] for each in plan.changed_relationships),
        *changes_of_status(plan),
    )
    return {ci: name_of(ci, plan, current) for ci in dict.fromkeys(starts)}


def _services(session: Session, reached: dict[int, str], limit: int) -> list[TouchedService]:
    classes = service_classes(session)
    found: list[TouchedService] = []
    for some in chunks(ci_id for ci_id in reached if ci_id > 0):
        rows = session.scalars(
            select(ConfigurationItem).where(
                ConfigurationItem.id.in_(some),
                ConfigurationItem.ci_class.in_(classes),
                ConfigurationItem.status != LifecycleStatus.RETIRED,
            )
        )
        found += [
            TouchedService(
                id=row.id,
                name=row.name,
                ci_class=row.ci_class,
                criticality=row.criticality,
                through=reached[row.id],
            )
            for row in rows
        ]
    found.sort(key=lambda each: (each.criticality or _LOWEST, each.name, each.id))
    return found[:limit]
