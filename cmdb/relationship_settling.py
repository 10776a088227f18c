"""Bring relationships in step with what is said of them, after something other than a load changed
it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.models import RedundancyGroup, Relationship, RelationshipSource
from cmdb.precedence import read_precedence
from cmdb.relationship_words import Word, dependency_of, limit_of, said_of_group
from cmdb.values import MinUp
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment

_ROWS, _GROUPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (Relationship, RedundancyGroup, RelationshipSource)
)

Changes = dict[int, tuple[dict[str, Any], dict[str, Any]]]
"""By relationship: the fields that differ, before and after."""


def read_words(session: Session, ids: Iterable[int]) -> dict[int, dict[str, Word]]:
    """By relationship and source: what it says of it; who reports it says at least nothing."""
    found: dict[int, dict[str, Word]] = defaultdict(dict)
    for some in chunks(ids):
        for row in session.execute(select(_CLAIMS).where(_CLAIMS.c.relationship_id.in_(some))):
            found[row.relationship_id][row.source] = Word(row.dependency, row.min_up)
    return found


def write_word(session: Session, relationship_id: int, source: str, word: Word) -> None:
    """Let a source that reports a relationship say this of it."""
    mine = (_CLAIMS.c.relationship_id == relationship_id) & (_CLAIMS.c.source == source)
    session.execute(update(_CLAIMS).where(mine).values(word._asdict()))


def groups_of(session: Session, ids: Iterable[int]) -> set[int]:
    """The redundancy groups that these relationships are in."""
    found: set[int | None] = set()
    for some in chunks(ids):
        found.update(session.scalars(select(_ROWS.c.group_id).where(_ROWS.c.id.in_(some))))
    return {each for each in found if each is not None}


def said_by_several(session: Session) -> tuple[list[int], list[int]]:
    """Relationships, and redundancy groups, of which more than one source says something: those
    that an order can change."""
    of_relationship = (
        select(_CLAIMS.c.relationship_id)
        .where(_CLAIMS.c.dependency.is_not(None))
        .group_by(_CLAIMS.c.relationship_id)
        .having(func.count() > 1)
    )
    of_group = (
        select(_ROWS.c.group_id)
        .join(_CLAIMS, _CLAIMS.c.relationship_id == _ROWS.c.id)
        .where(_CLAIMS.c.min_up.is_not(None), _ROWS.c.group_id.is_not(None))
        .group_by(_ROWS.c.group_id)
        .having(func.count(_CLAIMS.c.source.distinct()) > 1)
    )
    return list(session.scalars(of_relationship)), list(session.scalars(of_group))


def settle(session: Session, relationships: Iterable[int], groups: Iterable[int]) -> Changes:
    """Write the dependency of these relationships, and the min_up of these groups, anew; versions
    and the audit trail are the caller's (`tell`)."""
    changes: Changes = {}
    precedence = read_precedence(session)
    for some in chunks(relationships):
        words = read_words(session, some)
        columns = select(_ROWS.c.id, _ROWS.c.dependency).where(_ROWS.c.id.in_(some))
        for row in session.execute(columns).all():
            dependency = dependency_of(words.get(row.id, {}), precedence)
            if dependency != row.dependency:
                statement = update(_ROWS).where(_ROWS.c.id == row.id)
                session.execute(statement.values(dependency=dependency))
                changes[row.id] = {"dependency": row.dependency}, {"dependency": dependency}
    for some in chunks(groups):
        for row in session.execute(select(_GROUPS).where(_GROUPS.c.id.in_(some))).all():
            ids = session.scalars(select(_ROWS.c.id).where(_ROWS.c.group_id == row.id)).all()
            limit = limit_of(said_of_group(read_words(session, ids).items()), precedence)
            old = MinUp(row.min_up, row.min_up_is_percent)
            if limit == old:
                continue
            statement = update(_GROUPS).where(_GROUPS.c.id == row.id)
            values = {"min_up": limit.value, "min_up_is_percent": limit.is_percent}
            session.execute(statement.values(values))
            for each in ids:
                before, after = changes.setdefault(each, ({}, {}))
                before["min_up"], after["min_up"] = str(old), str(limit)
    session.expire_all()
    return changes


def tell(session: Session, actor: Actor, changes: Changes) -> None:
    """Give the relationships that changed a new version, with an entry in the audit trail."""
    for some in chunks(sorted(changes)):
        session.execute(
            update(_ROWS)
            .where(_ROWS.c.id.in_(some))
            .values(version=_ROWS.c.version + 1, updated_at=moment(session))
        )
        writes = [Write("update", "relationship", each, *changes[each]) for each in some]
        audit.record(session, actor, writes)


def settle_said_by_several(session: Session, actor: Actor, *, revision_keep: int) -> set[int]:
    """Let relationships follow another order of sources; returns those that changed."""
    changes = settle(session, *said_by_several(session))
    tell(session, actor, changes)
    revision.note(session, "relationship", changes, keep=revision_keep)
    return set(changes)


def say_of_group(session: Session, group_id: int, source: str, min_up: str | None) -> None:
    """Let a source say this of a group in all members that it reports."""
    members = select(_ROWS.c.id).where(_ROWS.c.group_id == group_id)
    mine = (_CLAIMS.c.source == source) & _CLAIMS.c.relationship_id.in_(members)
    session.execute(update(_CLAIMS).where(mine).values(min_up=min_up))


def said_in_group(session: Session, group_id: int | None, source: str) -> str | None:
    """What a source says of a group."""
    members: Collection[int] = session.scalars(
        select(_ROWS.c.id).where(_ROWS.c.group_id == group_id)
    ).all()
    return said_of_group(read_words(session, members).items()).get(source)
