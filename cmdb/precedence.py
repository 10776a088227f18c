"""Which source is believed: the orders and freshness that an admin sets, read and edited."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.claims import ANY, ATTRIBUTE, MANUAL, Precedence
from cmdb.incoming import STORED
from cmdb.models import CIClass, ExternalKey, Source, SourcePrecedence
from cmdb.names import did_you_mean
from cmdb.relationship_words import FIELDS
from cmdb.source_schemas import PrecedenceOut
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.errors import InvalidInputError


def read_precedence(session: Session) -> Precedence:
    """The precedence as it is set now."""
    sources = session.execute(
        select(Source.name, Source.stale_after_days).order_by(Source.created_at, Source.name)
    ).all()
    orders = session.execute(select(SourcePrecedence.attribute, SourcePrecedence.sources))
    return Precedence(
        known=[row.name for row in sources],
        orders={row.attribute: row.sources for row in orders},
        stale_after={
            row.name: timedelta(days=row.stale_after_days)
            for row in sources
            if row.stale_after_days is not None
        },
    )


def list_precedence(session: Session) -> list[PrecedenceOut]:
    """The orders that are set, that for all other attributes (`*`) first."""
    rows = session.scalars(select(SourcePrecedence).order_by(SourcePrecedence.attribute))
    found = [PrecedenceOut(attribute=row.attribute, sources=row.sources) for row in rows]
    return sorted(found, key=lambda each: each.attribute != ANY)


def set_precedence(
    session: Session, attribute: str, sources: Sequence[str], actor: Actor
) -> PrecedenceOut:
    """Set the order for one attribute, or `*`; an empty one takes it away.

    The caller brings the CIs in step with `recompute`. Raises InvalidInputError for an attribute
    or a source that cannot be.
    """
    _check(session, attribute, sources)
    revision.lock(session)
    row = session.get(SourcePrecedence, attribute)
    before = None if row is None else {"sources": list(row.sources)}
    if not sources:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(SourcePrecedence(attribute=attribute, sources=list(sources)))
    else:
        row.sources = list(sources)
    session.flush()
    after = {"sources": list(sources)} if sources else None
    if before != after:
        audit.record(
            session, actor, [Write("update", "source_precedence", attribute, before, after)]
        )
    return PrecedenceOut(attribute=attribute, sources=list(sources))


def several_sources(session: Session) -> Iterable[int]:
    """CIs of which more than one record says something: those that an order can change."""
    return session.scalars(
        select(ExternalKey.ci_id).group_by(ExternalKey.ci_id).having(func.count() > 1)
    )


def class_parents(session: Session) -> dict[str, str | None]:
    """By class: the one above it."""
    return {row.name: row.parent for row in session.execute(select(CIClass.name, CIClass.parent))}


def class_roots(session: Session) -> dict[str, str]:
    """By class: the built-in class at the root of the tree that it stands in."""
    parents = class_parents(session)

    def root(name: str) -> str:
        parent = parents.get(name)
        return name if parent is None else root(parent)

    return {name: root(name) for name in parents}


def _check(session: Session, attribute: str, sources: Sequence[str]) -> None:
    known = [*STORED, *FIELDS, ANY]
    if attribute not in known and not attribute.startswith(ATTRIBUTE):
        raise InvalidInputError(
            f"there is no field {attribute!r}",
            hint=did_you_mean(attribute, known)
            or f"one of {', '.join(known)}, or {ATTRIBUTE}NAME for an attribute",
        )
    there = set(session.scalars(select(Source.name)))
    for source in sources:
        if source == MANUAL:
            raise InvalidInputError(
                f"{MANUAL!r} wins in any case until its values are released",
                hint="leave it out of the order",
            )
        if source not in there:
            raise InvalidInputError(
                f"there is no source {source!r}", hint=did_you_mean(source, there)
            )
    if len(set(sources)) < len(sources):
        raise InvalidInputError("a source stands in the order twice")
