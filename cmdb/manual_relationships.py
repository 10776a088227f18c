"""What people say of relationships: kept beside what sources say, and winning until it is taken
back."""

from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cmdb.claims import MANUAL
from cmdb.models import Relationship, RelationshipSource
from cmdb.relationship_checks import SaidRelationship
from cmdb.relationship_settling import said_in_group, say_of_group
from cmdb.relationship_words import DEPENDENCY, FIELDS, MIN_UP


def report_by_hand(session: Session, row: Relationship, said: SaidRelationship) -> None:
    """Keep that a person reports a relationship, and what is said of it."""
    limit = said_in_group(session, row.group_id, MANUAL)
    session.add(
        RelationshipSource(
            relationship_id=row.id,
            source=MANUAL,
            run_id=None,
            dependency=said.dependency,
            min_up=limit,
        )
    )
    session.flush()
    if row.group_id is not None and said.min_up is not None:
        say_of_group(session, row.group_id, MANUAL, str(said.min_up))


def say_by_hand(
    session: Session, row: Relationship, given: dict[str, Any], said: SaidRelationship
) -> None:
    """Keep what a person now says of a relationship; None gives it back to the sources."""
    claim = session.get(RelationshipSource, (row.id, MANUAL))
    if said.dependency is not None or said.min_up is not None:
        if claim is None:
            report_by_hand(session, row, said)
            return
        claim.dependency = said.dependency or claim.dependency
    if claim is None:
        return
    if DEPENDENCY in given and said.dependency is None:
        claim.dependency = None
    session.flush()
    if MIN_UP in given and row.group_id is not None:
        say_of_group(session, row.group_id, MANUAL, _text(said))
    session.refresh(claim)
    others = (
        RelationshipSource.relationship_id == row.id,
        RelationshipSource.source != MANUAL,
    )
    silent = claim.dependency is None and claim.min_up is None
    released = any(name in given and getattr(said, name) is None for name in FIELDS)
    if released and silent and session.scalar(select(exists().where(*others))):
        session.delete(claim)
        session.flush()


def forget_limit(session: Session, relationship_id: int) -> None:
    """Let nobody say any more how many of a group must be up that the relationship left."""
    mine = RelationshipSource.relationship_id == relationship_id
    for claim in session.scalars(select(RelationshipSource).where(mine)):
        claim.min_up = None
    session.flush()


def _text(said: SaidRelationship) -> str | None:
    return None if said.min_up is None else str(said.min_up)
