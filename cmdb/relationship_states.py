"""Relationships whole, as the audit trail keeps them where they are taken away."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.models import RedundancyGroup, Relationship, RelationshipSource
from cmdb.values import MinUp
from opsatlas.clock import rfc3339

_ROWS, _GROUPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (Relationship, RedundancyGroup, RelationshipSource)
)


def relationship_states(session: Session, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Everything that is stored of these relationships, by id."""
    found: dict[int, dict[str, Any]] = {}
    sources: dict[int, list[str]] = defaultdict(list)
    for some in chunks(ids):
        claims = session.execute(
            select(_CLAIMS.c.relationship_id, _CLAIMS.c.source)
            .where(_CLAIMS.c.relationship_id.in_(some))
            .order_by(_CLAIMS.c.source)
        )
        for relationship_id, source in claims:
            sources[relationship_id].append(source)
        rows = session.execute(
            select(_ROWS, _GROUPS.c.name, _GROUPS.c.min_up, _GROUPS.c.min_up_is_percent)
            .outerjoin(_GROUPS, _GROUPS.c.id == _ROWS.c.group_id)
            .where(_ROWS.c.id.in_(some))
        )
        for row in rows:
            found[row.id] = {
                "dependent": row.dependent_id,
                "provider": row.provider_id,
                "type": row.type,
                "dependency": row.dependency,
                "redundancy_group": row.name,
                "min_up": None
                if row.name is None
                else str(MinUp(row.min_up, row.min_up_is_percent)),
                "sources": sources[row.id],
                "version": row.version,
                "created_at": rfc3339(row.created_at),
                "updated_at": rfc3339(row.updated_at),
            }
    return found
