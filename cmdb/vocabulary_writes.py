"""What writes of CI classes and relationship types have in common: names, versions, the trail."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, exists, or_, select
from sqlalchemy.orm import Session

from cmdb.decision_models import CIMerge, IdentificationReview
from cmdb.models import ExternalKey, ImportChange
from cmdb.plain_text import RefusedValueError, text
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.errors import ConflictError, ErrorItem, InvalidInputError, PreconditionFailedError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CHANGED = 1
"""Classes and types have no numeric id; the change table only says that one of them changed."""


class BuiltInError(ConflictError):
    """A class or type of the interface cannot be changed so."""

    code = "built_in"


class InUseError(ConflictError):
    """A class or type that something still has cannot be deleted."""

    code = "in_use"


class StaleWordError(PreconditionFailedError):
    """A class or type was changed since the caller read it."""

    code = "stale_version"


def checked_name(name: str) -> str:
    """The name of a new class or type. Raises InvalidInputError."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} is not a name for a class or type"
        hint = "lower-case letters, digits and underscores, a letter first, at most 63"
        item = ErrorItem("/name", message, name, hint)
        raise InvalidInputError(message, hint=hint, errors=[item])
    return name


def checked_label(label: str | None, name: str) -> str:
    """The label that is said, or one made of the name. Raises InvalidInputError."""
    try:
        return text(label) or name.replace("_", " ").capitalize()
    except RefusedValueError as error:
        item = ErrorItem("/label", error.message, None, error.hint)
        raise InvalidInputError(error.message, hint=error.hint, errors=[item]) from None


def check_version(what: str, version: int, if_version: int | None) -> None:
    """Raises StaleWordError where the caller saw another version."""
    if if_version is not None and version != if_version:
        raise StaleWordError(
            f"the {what} is at version {version}, not {if_version}",
            hint="read it again and repeat the change",
        )


def record(
    session: Session,
    actor: Actor,
    action: str,
    entity: str,
    name: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """Audit a write and tell the caches."""
    audit.record(session, actor, [audit.Write(action, entity, name, before, after)])
    revision.note(session, entity, [_CHANGED])


def refuse_where_remembered(session: Session, what: str, name: str) -> None:
    """Raises InUseError where a source still says the name, or an undoing would bring it back."""
    columns = (
        ("a source's word for a CI", ExternalKey.said),
        ("an open review", IdentificationReview.said),
        ("a load that can be undone", ImportChange.before),
        ("a merge that can be undone", CIMerge.moved),
    )
    for where, column in columns:
        if session.scalar(select(exists().where(_mentions(column, name)))):
            raise InUseError(
                f"{where} still names the {what} {name!r}",
                hint="give it another label instead, if it is no longer wanted",
            )


def _mentions(column: Any, name: str) -> ColumnElement[bool]:
    """Whether a JSON document has the name as a value of its own: rarely asked, so read whole."""
    written = cast(column, Text)
    return or_(written.contains(f'"{name}"', autoescape=True))
