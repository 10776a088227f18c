"""Relationships as they are stored: one by id, a page of a list, those near a CI."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cmdb.bulk import chunks
from cmdb.impact_schemas import CIName
from cmdb.inventory import stored_ci
from cmdb.models import (
    ConfigurationItem,
    Dependency,
    RedundancyGroup,
    Relationship,
    RelationshipSource,
)
from cmdb.schemas import Neighbour, Neighbours, RelationshipOut, RelationshipWord
from cmdb.values import MinUp
from opsatlas.db.listing import FieldKind, ListQuery, field_columns, field_kinds, list_page
from opsatlas.errors import NotFoundError


class NoSuchRelationshipError(NotFoundError):
    """No relationship has this id."""

    code = "no_such_relationship"


@dataclass(frozen=True, slots=True)
class RelationshipPage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[RelationshipOut]
    more: bool
    last_id: int | None


def stored_relationship(session: Session, relationship_id: int) -> Relationship:
    """The row of a relationship as it is now. Raises NoSuchRelationshipError."""
    row = session.get(Relationship, relationship_id, populate_existing=True)
    if row is None:
        raise NoSuchRelationshipError(f"there is no relationship {relationship_id}")
    return row


def get_relationship(session: Session, relationship_id: int) -> RelationshipOut:
    """One relationship, with what each source says of it. Raises NoSuchRelationshipError."""
    row = stored_relationship(session, relationship_id)
    return with_words(session, relationships_out(session, [row]))[0]


def with_words(session: Session, found: Sequence[RelationshipOut]) -> list[RelationshipOut]:
    """These relationships, with what each source says of them."""
    said: dict[int, list[RelationshipWord]] = {each.id: [] for each in found}
    statement = select(
        RelationshipSource.relationship_id,
        RelationshipSource.source,
        RelationshipSource.dependency,
        RelationshipSource.min_up,
    ).order_by(RelationshipSource.source)
    for some in chunks(said):
        for row in session.execute(statement.where(RelationshipSource.relationship_id.in_(some))):
            word = RelationshipWord(source=row.source, dependency=row.dependency, min_up=row.min_up)
            said[row.relationship_id].append(word)
    return [each.model_copy(update={"said": said[each.id]}) for each in found]


def list_relationships(session: Session, query: ListQuery) -> RelationshipPage:
    """One page of relationships. Raises InvalidListQueryError."""
    page = list_page(session, Relationship, list_relationship_columns(), query)
    last = page.rows[-1].id if page.rows else None
    return RelationshipPage(page.count, relationships_out(session, page.rows), page.more, last)


def list_relationship_kinds() -> dict[str, FieldKind]:
    """What a list of relationships can be filtered and ordered by, and what the values are."""
    return field_kinds(list_relationship_columns())


def list_relationship_columns() -> dict[str, InstrumentedAttribute[Any]]:
    """The columns behind the filters and orders of a list."""
    return field_columns(Relationship)


def neighbours(session: Session, ci_id: int, *, hops: int = 1, limit: int = 500) -> Neighbours:
    """What is at most `hops` relationships away, in either direction; `limit` bounds the CIs.

    Raises NoSuchCIError.
    """
    stored_ci(session, ci_id)
    distance = {ci_id: 0}
    frontier = {ci_id}
    truncated = False
    for hop in range(1, hops + 1):
        reached: set[int] = set()
        for some in chunks(frontier):
            ends = session.execute(
                select(Relationship.dependent_id, Relationship.provider_id).where(_touches(some))
            )
            for dependent, provider in ends:
                reached |= {dependent, provider}
        frontier = reached - distance.keys()
        room = limit - len(distance)
        if len(frontier) > room:
            truncated = True
            frontier = set(sorted(frontier)[: max(room, 0)])
        distance |= dict.fromkeys(frontier, hop)
        if truncated or not frontier:
            break
    rows = [row for some in chunks(distance) for row in _cis(session, some)]
    nodes = [
        Neighbour(
            id=row.id,
            name=row.name,
            ci_class=row.ci_class,
            status=row.status,
            hops=distance[row.id],
        )
        for row in rows
    ]
    edges = [
        row
        for some in chunks(distance)
        for row in session.scalars(select(Relationship).where(Relationship.dependent_id.in_(some)))
        if row.provider_id in distance
    ]
    return Neighbours(
        configuration_items=sorted(nodes, key=lambda each: (each.hops, each.name, each.id)),
        relationships=relationships_out(session, sorted(edges, key=lambda each: each.id)),
        truncated=truncated,
    )


def relationships_out(session: Session, rows: Sequence[Relationship]) -> list[RelationshipOut]:
    """Rows as they go out, with the names of their ends and groups."""
    ends = {end for row in rows for end in (row.dependent_id, row.provider_id)}
    names = {
        row.id: CIName(id=row.id, name=row.name, ci_class=row.ci_class)
        for some in chunks(ends)
        for row in _cis(session, some)
    }
    groups = {
        group.id: group
        for some in chunks({row.group_id for row in rows} - {None})
        for group in session.scalars(
            select(RedundancyGroup).where(RedundancyGroup.id.in_(some)),
            execution_options={"populate_existing": True},
        )
    }
    sources: dict[int, list[str]] = defaultdict(list)
    for some in chunks(row.id for row in rows):
        found = session.execute(
            select(RelationshipSource.relationship_id, RelationshipSource.source)
            .where(RelationshipSource.relationship_id.in_(some))
            .order_by(RelationshipSource.source)
        )
        for relationship_id, source in found:
            sources[relationship_id].append(source)
    return [
        RelationshipOut(
            id=row.id,
            dependent=names[row.dependent_id],
            provider=names[row.provider_id],
            type=row.type,
            dependency=Dependency(row.dependency),
            redundancy_group=groups[row.group_id].name if row.group_id is not None else None,
            min_up=min_up_out(groups[row.group_id]) if row.group_id is not None else None,
            sources=sources[row.id],
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def min_up_out(group: RedundancyGroup) -> int | str:
    """A count as a number, a percentage as `50%`."""
    limit = MinUp(group.min_up, group.min_up_is_percent)
    return str(limit) if limit.is_percent else limit.value


def _touches(ci_ids: list[int]) -> ColumnElement[bool]:
    return or_(Relationship.dependent_id.in_(ci_ids), Relationship.provider_id.in_(ci_ids))


def _cis(session: Session, ids: Sequence[int]) -> Any:
    return session.execute(
        select(
            ConfigurationItem.id,
            ConfigurationItem.name,
            ConfigurationItem.ci_class,
            ConfigurationItem.status,
        ).where(ConfigurationItem.id.in_(ids))
    )
