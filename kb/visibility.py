"""Who may read a record: the one predicate that every query on records goes by.

A record's `visibility` names the groups that may read it; where it names none, everyone may.
Changes have none: they say what is done to CIs, and CIs are for everyone.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, String, case, not_, null, or_, select, true, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from kb.chunks import chunks
from kb.models import AffectedCI, Article, Change, Incident, KnownError, RecordKind
from opsatlas.errors import ErrorItem, InvalidInputError
from opsatlas.groups import EVERYONE

Restrictable = Incident | KnownError | Article
"""The records that have a visibility."""

_RESTRICTABLE: Mapping[RecordKind, type[Restrictable]] = {
    RecordKind.INCIDENT: Incident,
    RecordKind.KNOWN_ERROR: KnownError,
    RecordKind.ARTICLE: Article,
}


class VisibilityExcludesCallerError(InvalidInputError):
    """A record was to be written that its writer could not read."""

    code = "visibility_excludes_caller"


def is_readable(
    model: type[Restrictable] | type[Change], groups: frozenset[str] | None
) -> ColumnElement[bool]:
    """Whether a caller in `groups` (None: one who reads all) may read a record of this table."""
    if groups is None or not issubclass(model, Restrictable):
        return true()
    audience = type_coerce(model.visibility, String)
    # A name stands in the stored list with its quotes, which no name has in it. SQLite's LIKE is
    # blind to the case of letters, but names are kept in one case.
    named = (
        audience.contains(json.dumps(each, ensure_ascii=False), autoescape=True) for each in groups
    )
    return or_(audience == EVERYONE, *named)


def of_readable(groups: frozenset[str] | None) -> ColumnElement[bool]:
    """Whether a row that links an incident with a CI is of one that the caller may read."""
    if groups is None:
        return true()
    return AffectedCI.record_id.in_(select(Incident.id).where(is_readable(Incident, groups)))


def is_shown(
    number: InstrumentedAttribute[Any], kind: RecordKind, groups: frozenset[str] | None
) -> ColumnElement[bool]:
    """Whether a column that names records of a kind by number names none that is kept from the
    caller; what it names need not exist."""
    if groups is None:
        return true()
    model = _RESTRICTABLE[kind]
    hidden = select(model.number).where(not_(is_readable(model, groups)))
    return or_(number.is_(None), number.not_in(hidden))


def as_shown(
    number: InstrumentedAttribute[Any], kind: RecordKind, groups: frozenset[str] | None
) -> ColumnElement[Any]:
    """The column as the caller sees it: null where it names what is kept from that caller."""
    if groups is None:
        return type_coerce(number, String)
    return case((is_shown(number, kind, groups), number), else_=null())


def hidden_numbers(
    session: Session,
    kinds: Iterable[RecordKind],
    numbers: Collection[str],
    groups: frozenset[str] | None,
) -> set[str]:
    """Those of `numbers` that records of these kinds have which the caller may not read."""
    if groups is None or not numbers:
        return set()
    models = [_RESTRICTABLE[kind] for kind in kinds if kind in _RESTRICTABLE]
    return {
        number
        for model in models
        for chunk in chunks(numbers)
        for number in session.scalars(
            select(model.number).where(model.number.in_(chunk), not_(is_readable(model, groups)))
        )
    }


def check_writer(
    visibility: Collection[str], groups: frozenset[str] | None, at: str = "/visibility"
) -> None:
    """Raises VisibilityExcludesCallerError where whoever is in `groups` writes what only others may
    read: it would be out of their hands at once, and nobody would know who planted it there."""
    if groups is None or not visibility or not groups.isdisjoint(visibility):
        return
    mine = ", ".join(sorted(groups))
    item = ErrorItem(
        at,
        "only others could read it",
        ", ".join(visibility),
        f"name one of your groups too: {mine}" if mine else "your key has no groups: leave it out",
    )
    raise VisibilityExcludesCallerError(item.detail, hint=item.hint, errors=[item])
