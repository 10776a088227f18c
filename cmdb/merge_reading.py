"""What a merge is planned over, read from the database."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.classes import service_classes
from cmdb.current import read_known
from cmdb.impact_schemas import CIName
from cmdb.incoming import CI_CLASS
from cmdb.inventory import stored_ci
from cmdb.merge_journal import Claims
from cmdb.merge_plan import Edge, Group, MergePlan, Side, plan_merge
from cmdb.merged import refuse_merged
from cmdb.models import ConfigurationItem, RedundancyGroup, Relationship, RelationshipSource
from cmdb.precedence import class_roots, read_precedence
from cmdb.relationship_settling import read_words
from cmdb.relationship_words import Words
from cmdb.values import MinUp
from opsatlas.db.transaction import moment

_ROWS, _GROUPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (Relationship, RedundancyGroup, RelationshipSource)
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A plan, and the groups by dependent and name that it is about."""

    plan: MergePlan
    groups: dict[tuple[int, str], Group]


def read_and_plan(session: Session, loser_id: int, winner_id: int) -> Reading:
    """Plan a merge over the database as it is. Raises NoSuchCIError, MergedError,
    InvalidMergeError."""
    for ci_id in (loser_id, winner_id):
        refuse_merged(stored_ci(session, ci_id))
    roots, services = class_roots(session), service_classes(session)
    current = read_known(session, {loser_id, winner_id})

    def side(ci_id: int) -> Side:
        ci = current.cis[ci_id]
        name = ci.values[CI_CLASS]
        claims = [each.claim for each in current.records.get(ci_id, ())]
        return Side(ci, claims, name in services, roots.get(name, name))

    groups, edges = _around(session, loser_id, winner_id)
    plan = plan_merge(
        side(winner_id),
        side(loser_id),
        edges,
        groups,
        read_precedence(session),
        moment(session),
    )
    return Reading(plan, {(group.dependent, group.name): group for group in groups})


def claims_of(session: Session, ids: Iterable[int]) -> dict[int, Claims]:
    """By relationship: the sources that report it, each with the run that first did."""
    found: dict[int, Claims] = {}
    for some in chunks(ids):
        rows = session.execute(
            select(_CLAIMS.c.relationship_id, _CLAIMS.c.source, _CLAIMS.c.run_id).where(
                _CLAIMS.c.relationship_id.in_(some)
            )
        )
        for relationship_id, source, run in rows:
            found.setdefault(relationship_id, {})[source] = run
    return found


def ci_names(session: Session, ids: Collection[int]) -> dict[int, CIName]:
    """Names and classes of CIs, by id."""
    found: dict[int, CIName] = {}
    for some in chunks(ids):
        rows = session.execute(
            select(ConfigurationItem.id, ConfigurationItem.name, ConfigurationItem.ci_class).where(
                ConfigurationItem.id.in_(some)
            )
        )
        found |= {row.id: CIName(id=row.id, name=row.name, ci_class=row.ci_class) for row in rows}
    return found


def _around(session: Session, loser: int, winner: int) -> tuple[list[Group], list[Edge]]:
    """The relationships of both and the groups that they are about, with all their members."""
    both = (loser, winner)
    touching = or_(_ROWS.c.dependent_id.in_(both), _ROWS.c.provider_id.in_(both))
    rows = {row.id: row for row in session.execute(select(_ROWS).where(touching))}
    ids = {row.group_id for row in rows.values()} - {None}
    found: dict[int, Group] = {}
    for some in chunks(ids):
        for row in session.execute(select(_GROUPS).where(_GROUPS.c.id.in_(some))):
            limit = MinUp(row.min_up, row.min_up_is_percent)
            found[row.id] = Group(row.id, row.dependent_id, row.name, limit)
        members = session.execute(select(_ROWS).where(_ROWS.c.group_id.in_(some)))
        rows |= {row.id: row for row in members}
    claims, words = claims_of(session, rows), read_words(session, rows)
    return list(found.values()), [
        _edge(row, found, claims.get(row.id, {}), words.get(row.id, {})) for row in rows.values()
    ]


def _edge(row: Any, groups: dict[int, Group], claims: Claims, words: Words) -> Edge:
    return Edge(
        row.id,
        row.dependent_id,
        row.provider_id,
        row.type,
        row.dependency,
        None if row.group_id is None else groups[row.group_id].name,
        claims,
        words,
    )
