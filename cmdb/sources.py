"""Systems of record that feed us: listed, named before their first load, described."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.load_options import check_source
from cmdb.models import Source
from cmdb.names import did_you_mean
from cmdb.plain_text import RefusedValueError, text
from cmdb.source_schemas import SourceIn, SourceOut, SourcePatch
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import now
from opsatlas.errors import ConflictError, ErrorItem, InvalidInputError, NotFoundError

_MAX_DESCRIPTION = 1000


class NoSuchSourceError(NotFoundError):
    """No source has this name."""

    code = "no_such_source"


class SourceTakenError(ConflictError):
    """There is such a source already."""

    code = "source_taken"


def list_sources(session: Session) -> list[SourceOut]:
    """All sources, by name."""
    return [_out(row) for row in session.scalars(select(Source).order_by(Source.name))]


def get_source(session: Session, name: str) -> SourceOut:
    """One source. Raises NoSuchSourceError."""
    return _out(_stored(session, name))


def create_source(session: Session, new: SourceIn, actor: Actor) -> SourceOut:
    """Name a source before its first load. Raises SourceTakenError, InvalidInputError."""
    check_source(new.name)
    revision.lock(session)
    if session.get(Source, new.name) is not None:
        raise SourceTakenError(f"there is a source {new.name!r} already")
    row = Source(
        name=new.name,
        description=_description(new.description),
        stale_after_days=new.stale_after_days,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    after = {"name": row.name, "description": row.description} | (
        {} if row.stale_after_days is None else {"stale_after_days": row.stale_after_days}
    )
    audit.record(session, actor, [Write("create", "source", row.name, None, after)])
    return _out(row)


def edit_source(session: Session, name: str, patch: SourcePatch, actor: Actor) -> SourceOut:
    """Change what is said of a source. Raises NoSuchSourceError, InvalidInputError."""
    revision.lock(session)
    row = _stored(session, name)
    given = patch.model_dump(exclude_unset=True)
    if "description" in given:
        given["description"] = _description(given["description"] or "")
    stored = {"description": row.description, "stale_after_days": row.stale_after_days}
    before, after = audit.difference(stored, given)
    if after:
        for field, value in after.items():
            setattr(row, field, value)
        session.flush()
        audit.record(session, actor, [Write("update", "source", name, before, after)])
    return _out(row)


def _stored(session: Session, name: str) -> Source:
    row = session.get(Source, name)
    if row is None:
        hint = did_you_mean(name, session.scalars(select(Source.name)))
        raise NoSuchSourceError(f"there is no source {name!r}", hint=hint)
    return row


def _description(said: str) -> str:
    try:
        return text(said, limit=_MAX_DESCRIPTION) or ""
    except RefusedValueError as error:
        item = ErrorItem("/description", error.message, said, error.hint)
        raise InvalidInputError(error.message, hint=error.hint, errors=[item]) from None


def _out(row: Source) -> SourceOut:
    return SourceOut(
        name=row.name,
        description=row.description,
        stale_after_days=row.stale_after_days,
        created_at=row.created_at,
    )
