"""Relationship types, and whether failure travels along them: read and edit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.models import FailureDirection, Relationship, RelationshipType
from cmdb.names import did_you_mean
from cmdb.schemas import RelationshipTypeIn, RelationshipTypeOut, RelationshipTypePatch
from cmdb.vocabulary import Vocabulary
from cmdb.vocabulary_writes import (
    BuiltInError,
    InUseError,
    check_version,
    checked_label,
    checked_name,
    record,
    refuse_where_remembered,
)
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.errors import ConflictError, NotFoundError

BUILT_IN_TYPES = frozenset(
    [
        *("depends_on", "runs_on", "hosted_on", "member_of", "contains", "connects_to"),
        *("powered_by", "cooled_by", "stored_on", "uses", "consumes", "provided_by"),
        *("secured_by", "routed_by", "replicates_from", "backed_up_by", "documents"),
        *("located_near", "managed_by", "monitored_by", "in_group", "related_to"),
    ]
)
"""The types of the interface: importers know them by name, so they are always there."""

_ENTITY = "relationship_type"


def type_vocabulary(session: Session) -> Vocabulary:
    """Relationship types by what people call them."""
    rows = session.execute(
        select(RelationshipType.name, RelationshipType.label).order_by(RelationshipType.name)
    )
    return Vocabulary((row.name, row.label) for row in rows)


def list_types(session: Session) -> list[RelationshipTypeOut]:
    """All relationship types, by name."""
    rows = session.scalars(select(RelationshipType).order_by(RelationshipType.name))
    return [_out(each) for each in rows]


def get_type(session: Session, name: str) -> RelationshipTypeOut:
    """One relationship type. Raises NotFoundError."""
    return _out(_type(session, name))


def create_type(session: Session, new: RelationshipTypeIn, actor: Actor) -> RelationshipTypeOut:
    """Add a relationship type. Raises ConflictError where the name is taken."""
    name = checked_name(new.name)
    revision.lock(session)
    if session.get(RelationshipType, name) is not None:
        raise ConflictError(f"there is a relationship type {name!r} already")
    created = RelationshipType(
        name=name,
        failure_direction=new.failure_direction.value,
        label=checked_label(new.label, name),
        version=1,
    )
    session.add(created)
    session.flush()
    out = _out(created)
    record(session, actor, "create", _ENTITY, name, None, _state(out))
    return out


def patched_type(session: Session, name: str, patch: RelationshipTypePatch) -> RelationshipTypeOut:
    """The type as the patch would make it; nothing is written. Raises NotFoundError."""
    found = get_type(session, name)
    direction = patch.failure_direction or found.failure_direction
    label = found.label if patch.label is None else checked_label(patch.label, name)
    return found.model_copy(update={"failure_direction": direction, "label": label})


def edit_type(
    session: Session,
    name: str,
    patch: RelationshipTypePatch,
    actor: Actor,
    if_version: int | None = None,
) -> RelationshipTypeOut:
    """Change a type's label, or in which direction failure travels along it.

    Raises NotFoundError, StaleWordError.
    """
    revision.lock(session)
    found = _type(session, name)
    check_version("relationship type", found.version, if_version)
    then = patched_type(session, name, patch)
    before, after = audit.difference(_state(_out(found)), _state(then))
    if after:
        found.failure_direction, found.label = then.failure_direction.value, then.label
        found.version += 1
        session.flush()
        record(session, actor, "update", _ENTITY, name, before, after)
    return _out(found)


def delete_type(session: Session, name: str, actor: Actor, if_version: int | None = None) -> None:
    """Delete a type that no relationship has.

    Raises NotFoundError, StaleWordError, BuiltInError, InUseError.
    """
    revision.lock(session)
    found = _type(session, name)
    check_version("relationship type", found.version, if_version)
    if name in BUILT_IN_TYPES:
        raise BuiltInError(
            f"{name!r} is a relationship type of the interface and stays",
            hint="set its failure_direction to none where failure does not travel along it",
        )
    having = select(func.count()).select_from(Relationship).where(Relationship.type == name)
    if used := session.scalar(having):
        raise InUseError(
            f"{used} relationships are of the type {name!r}",
            hint=f"GET /relationships?type={name} lists them: give them another type first",
        )
    refuse_where_remembered(session, "relationship type", name)
    session.delete(found)
    session.flush()
    record(session, actor, "delete", _ENTITY, name, _state(_out(found)), None)


def _type(session: Session, name: str) -> RelationshipType:
    found = session.get(RelationshipType, name)
    if found is None:
        names = session.scalars(select(RelationshipType.name))
        raise NotFoundError(
            f"there is no relationship type {name!r}", hint=did_you_mean(name, names)
        )
    return found


def _state(out: RelationshipTypeOut) -> dict[str, Any]:
    """What the audit trail keeps of a type."""
    return out.model_dump(mode="json", exclude={"built_in", "version"})


def _out(row: RelationshipType) -> RelationshipTypeOut:
    return RelationshipTypeOut(
        name=row.name,
        failure_direction=FailureDirection(row.failure_direction),
        label=row.label,
        built_in=row.name in BUILT_IN_TYPES,
        version=row.version,
    )
