"""CI classes, a tree, each a service class or not: read and edit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.models import CIClass, ConfigurationItem
from cmdb.names import did_you_mean
from cmdb.schemas import CIClassIn, CIClassOut, CIClassPatch
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

_ENTITY = "ci_class"


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
    name = checked_name(new.name)
    revision.lock(session)
    parent = _parent(session, new.parent)
    if session.get(CIClass, name) is not None:
        raise ConflictError(f"there is a class {name!r} already")
    created = CIClass(
        name=name,
        parent=parent.name,
        is_service=parent.is_service if new.is_service is None else new.is_service,
        label=checked_label(new.label, name),
        version=1,
    )
    session.add(created)
    session.flush()
    out = _class_out(created)
    record(session, actor, "create", _ENTITY, name, None, _state(out))
    return out


def edit_class(
    session: Session,
    name: str,
    patch: CIClassPatch,
    actor: Actor,
    if_version: int | None = None,
) -> CIClassOut:
    """Change a class's parent, label or service flag.

    Raises BuiltInError for anything but the label of a built-in class, InvalidInputError for a
    parent that is the class itself or below it, StaleWordError.
    """
    revision.lock(session)
    found = _class(session, name)
    check_version("class", found.version, if_version)
    state = _state(_class_out(found))
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
        found.label = checked_label(patch.label, name)
    if patch.is_service is not None:
        found.is_service = patch.is_service
    before, after = audit.difference(state, _state(_class_out(found)))
    if after:
        found.version += 1
        session.flush()
        record(session, actor, "update", _ENTITY, name, before, after)
    return _class_out(found)


def delete_class(session: Session, name: str, actor: Actor, if_version: int | None = None) -> None:
    """Delete a class that no CI has, retired ones included, and that has none below it.

    Raises NotFoundError, StaleWordError, BuiltInError, InUseError.
    """
    revision.lock(session)
    found = _class(session, name)
    check_version("class", found.version, if_version)
    if name in BUILT_IN_CLASSES:
        raise BuiltInError(f"{name!r} is a class of the interface and stays")
    below = session.scalars(select(CIClass.name).where(CIClass.parent == name)).all()
    if below:
        listed = ", ".join(sorted(below))
        raise InUseError(f"{listed} stand below {name!r}", hint="give them another parent first")
    having = select(func.count()).where(ConfigurationItem.ci_class == name)
    if used := session.scalar(having):
        raise InUseError(
            f"{used} configuration items are of the class {name!r}, retired ones included",
            hint=f"GET /cis?ci_class={name} lists them: give them another class first",
        )
    refuse_where_remembered(session, "class", name)
    session.delete(found)
    session.flush()
    record(session, actor, "delete", _ENTITY, name, _state(_class_out(found)), None)


def _class(session: Session, name: str) -> CIClass:
    found = session.get(CIClass, name)
    if found is None:
        raise NotFoundError(
            f"there is no class {name!r}", hint=did_you_mean(name, class_names(session))
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


def _state(out: CIClassOut) -> dict[str, Any]:
    """What the audit trail keeps of a class."""
    return out.model_dump(exclude={"built_in", "version"})


def _class_out(row: CIClass) -> CIClassOut:
    return CIClassOut(
        name=row.name,
        parent=row.parent,
        is_service=row.is_service,
        label=row.label,
        built_in=row.name in BUILT_IN_CLASSES,
        version=row.version,
    )
