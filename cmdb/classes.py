"""CI classes (a tree, each a service class or not) and relationship types: read and edit."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import CIClass, FailureDirection, RelationshipType
from cmdb.names import did_you_mean
from cmdb.plain_text import RefusedValueError, text
from cmdb.schemas import (
    CIClassIn,
    CIClassOut,
    CIClassPatch,
    RelationshipTypeIn,
    RelationshipTypeOut,
    RelationshipTypePatch,
)
from cmdb.vocabulary import Vocabulary
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.errors import ConflictError, ErrorItem, InvalidInputError, NotFoundError

BUILT_IN_CLASSES = frozenset(
    [
        *("business_service", "application_service", "technical_service", "application"),
        *("database", "middleware", "container", "virtual_machine", "server", "cluster"),
        *("hypervisor", "network_device", "load_balancer", "storage", "datacenter", "rack"),
        *("power", "endpoint", "saas", "certificate", "queue", "generic"),
    ]
)
"""The classes of the interface: they are always there and mean the same everywhere."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CHANGED = 1
"""Classes and types have no numeric id; the change table only says that one of them changed."""


class BuiltInError(ConflictError):
    """A class of the interface cannot be changed so."""

    code = "built_in"


def class_names(session: Session) -> list[str]:
    """The names of all CI classes."""
    return list(session.scalars(select(CIClass.name).order_by(CIClass.name)))


def service_classes(session: Session) -> frozenset[str]:
    """The names of the classes whose CIs are services."""
    return frozenset(session.scalars(select(CIClass.name).where(CIClass.is_service)))


def class_vocabulary(session: Session) -> Vocabulary:
    """CI classes by what people call them."""
    rows = session.execute(select(CIClass.name, CIClass.label).order_by(CIClass.name))
    return Vocabulary((row.name, row.label) for row in rows)


def type_vocabulary(session: Session) -> Vocabulary:
    """Relationship types by what people call them."""
    rows = session.execute(
        select(RelationshipType.name, RelationshipType.label).order_by(RelationshipType.name)
    )
    return Vocabulary((row.name, row.label) for row in rows)


def list_classes(session: Session) -> list[CIClassOut]:
    """All CI classes, by name."""
    return [_class_out(each) for each in session.scalars(select(CIClass).order_by(CIClass.name))]


def get_class(session: Session, name: str) -> CIClassOut:
    """One CI class. Raises NotFoundError."""
    return _class_out(_class(session, name))


def create_class(session: Session, new: CIClassIn, actor: Actor) -> CIClassOut:
    """Add a class below an existing one; it is a service class where its parent is, unless said.

    Raises ConflictError where the name is taken, InvalidInputError for a parent that is not there.
    """
    name = _checked_name(new.name)
    revision.lock(session)
    parent = _parent(session, new.parent)
    if session.get(CIClass, name) is not None:
        raise ConflictError(f"there is a class {name!r} already")
    created = CIClass(
        name=name,
        parent=parent.name,
        is_service=parent.is_service if new.is_service is None else new.is_service,
        label=_checked_label(new.label, name),
    )
    session.add(created)
    session.flush()
    out = _class_out(created)
    _record(session, actor, "create", "ci_class", name, {}, out.model_dump())
    return out


def edit_class(session: Session, name: str, patch: CIClassPatch, actor: Actor) -> CIClassOut:
    """Change a class's parent, label or service flag.

    Raises BuiltInError for anything but the label of a built-in class, InvalidInputError for a
    parent that is the class itself or below it.
    """
    revision.lock(session)
    found = _class(session, name)
    before = _class_out(found).model_dump()
    given = patch.model_fields_set
    if name in BUILT_IN_CLASSES and given - {"label"}:
        raise BuiltInError(
            f"{name!r} is a class of the interface: only its label can be changed",
            hint="add a class of your own below it",
        )
    if patch.parent is not None:
        parent = _parent(session, patch.parent).name
        _refuse_cycle(session, name, parent)
        found.parent = parent
    if patch.label is not None:
        found.label = _checked_label(patch.label, name)
    if patch.is_service is not None:
        found.is_service = patch.is_service
    session.flush()
    out = _class_out(found)
    _record(session, actor, "update", "ci_class", name, before, out.model_dump())
    return out


def list_types(session: Session) -> list[RelationshipTypeOut]:
    """All relationship types, by name."""
    rows = session.scalars(select(RelationshipType).order_by(RelationshipType.name))
    return [_type_out(each) for each in rows]


def get_type(session: Session, name: str) -> RelationshipTypeOut:
    """One relationship type. Raises NotFoundError."""
    return _type_out(_type(session, name))


def create_type(session: Session, new: RelationshipTypeIn, actor: Actor) -> RelationshipTypeOut:
    """Add a relationship type. Raises ConflictError where the name is taken."""
    name = _checked_name(new.name)
    revision.lock(session)
    if session.get(RelationshipType, name) is not None:
        raise ConflictError(f"there is a relationship type {name!r} already")
    created = RelationshipType(
        name=name,
        failure_direction=new.failure_direction.value,
        label=_checked_label(new.label, name),
    )
    session.add(created)
    session.flush()
    out = _type_out(created)
    _record(session, actor, "create", "relationship_type", name, {}, out.model_dump())
    return out


def edit_type(
    session: Session, name: str, patch: RelationshipTypePatch, actor: Actor
) -> RelationshipTypeOut:
    """Change a type's label, or in which direction failure travels along it."""
    revision.lock(session)
    found = _type(session, name)
    before = _type_out(found).model_dump()
    if patch.failure_direction is not None:
        found.failure_direction = patch.failure_direction.value
    if patch.label is not None:
        found.label = _checked_label(patch.label, name)
    session.flush()
    out = _type_out(found)
    _record(session, actor, "update", "relationship_type", name, before, out.model_dump())
    return out


def _record(
    session: Session,
    actor: Actor,
    action: str,
    entity: str,
    name: str,
    before: dict[str, object],
    after: dict[str, object],
) -> None:
    """Audit a write and tell the caches; nothing where nothing differs."""
    old, new = audit.difference(before, after)
    if not new:
        return
    write = audit.Write(action, entity, name, old if action == "update" else None, new)
    audit.record(session, actor, [write])
    revision.note(session, entity, [_CHANGED])


def _class(session: Session, name: str) -> CIClass:
    found = session.get(CIClass, name)
    if found is None:
        raise NotFoundError(
            f"there is no class {name!r}", hint=did_you_mean(name, class_names(session))
        )
    return found


def _type(session: Session, name: str) -> RelationshipType:
    found = session.get(RelationshipType, name)
    if found is None:
        names = session.scalars(select(RelationshipType.name))
        raise NotFoundError(
            f"there is no relationship type {name!r}", hint=did_you_mean(name, names)
        )
    return found


def _parent(session: Session, name: str) -> CIClass:
    try:
        return _class(session, name)
    except NotFoundError as error:
        item = ErrorItem("/parent", error.detail, name, error.hint)
        raise InvalidInputError(error.detail, hint=error.hint, errors=[item]) from None


def _refuse_cycle(session: Session, name: str, parent: str) -> None:
    parents = {
        row.name: row.parent for row in session.execute(select(CIClass.name, CIClass.parent))
    }
    above: str | None = parent
    while above is not None and above != name:
        above = parents[above]
    if above == name:
        message = f"{parent!r} is {name!r} itself or below it"
        raise InvalidInputError(message, errors=[ErrorItem("/parent", message, parent)])


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = f"{name!r} is not a name for a class or type"
        hint = "lower-case letters, digits and underscores, a letter first, at most 63"
        item = ErrorItem("/name", message, name, hint)
        raise InvalidInputError(message, hint=hint, errors=[item])
    return name


def _checked_label(label: str | None, name: str) -> str:
    try:
        return text(label) or name.replace("_", " ").capitalize()
    except RefusedValueError as error:
        item = ErrorItem("/label", error.message, None, error.hint)
        raise InvalidInputError(error.message, hint=error.hint, errors=[item]) from None


def _class_out(row: CIClass) -> CIClassOut:
    return CIClassOut(
        name=row.name,
        parent=row.parent,
        is_service=row.is_service,
        label=row.label,
        built_in=row.name in BUILT_IN_CLASSES,
    )


def _type_out(row: RelationshipType) -> RelationshipTypeOut:
    return RelationshipTypeOut(
        name=row.name, failure_direction=FailureDirection(row.failure_direction), label=row.label
    )
