"""The history of CIs and relationships, as the audit trail has it."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from cmdb.bulk import IMPORT_RUN, chunks
from cmdb.inventory import stored_ci
from cmdb.models import ImportRun, Relationship
from cmdb.moments import CI, RELATIONSHIP
from cmdb.relationship_reads import stored_relationship
from cmdb.schemas import HistoryEntry
from opsatlas.audit import AuditEntry


def history(
    session: Session, ci_id: int, *, relationships: bool = False, limit: int = 1000
) -> list[HistoryEntry]:
    """What happened to a CI, newest first: who, by which load, before and after.

    `relationships` adds what happened to those that lead, or ever led, from or to it. A CI that is
    gone has its history still. Raises NoSuchCIError for one that never was.
    """
    conditions = [and_(AuditEntry.entity == CI, AuditEntry.entity_id == str(ci_id))]
    if relationships:
        touching = [str(each) for each in _touching(session, ci_id)]
        conditions += [
            and_(AuditEntry.entity == RELATIONSHIP, AuditEntry.entity_id.in_(some))
            for some in chunks(touching)
        ]
    found = _entries(session, conditions, limit)
    if not found:
        stored_ci(session, ci_id)
    return found


def relationship_history(
    session: Session, relationship_id: int, *, limit: int = 1000
) -> list[HistoryEntry]:
    """The same of a relationship. Raises NoSuchRelationshipError for one that never was."""
    mine = and_(AuditEntry.entity == RELATIONSHIP, AuditEntry.entity_id == str(relationship_id))
    found = _entries(session, [mine], limit)
    if not found:
        stored_relationship(session, relationship_id)
    return found


def _touching(session: Session, ci_id: int) -> set[int]:
    """The relationships of a CI: those of now, and those that were deleted or moved."""
    either = (Relationship.dependent_id == ci_id) | (Relationship.provider_id == ci_id)
    found = set(session.scalars(select(Relationship.id).where(either)))
    ended = or_(
        AuditEntry.before["dependent"].as_integer() == ci_id,
        AuditEntry.before["provider"].as_integer() == ci_id,
    )
    gone = session.scalars(
        select(AuditEntry.entity_id).where(AuditEntry.entity == RELATIONSHIP, ended).distinct()
    )
    return found | {int(each) for each in gone}


def _entries(
    session: Session, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[HistoryEntry]:
    entries = [
        entry
        for condition in conditions
        for entry in session.scalars(
            select(AuditEntry).where(condition).order_by(AuditEntry.id.desc()).limit(limit)
        )
    ]
    entries.sort(key=lambda entry: entry.id, reverse=True)
    del entries[limit:]
    runs = {(entry.after or {}).get(IMPORT_RUN) for entry in entries} - {None}
    sources = {
        row.id: row.source
        for row in session.execute(
            select(ImportRun.id, ImportRun.source).where(ImportRun.id.in_(runs))
        )
    }
    found: list[HistoryEntry] = []
    for entry in entries:
        after = None if entry.after is None else dict(entry.after)
        run = None if after is None else after.pop(IMPORT_RUN, None)
        found.append(
            HistoryEntry(
                at=entry.at,
                actor=entry.actor,
                request_id=entry.request_id,
                entity=entry.entity,
                entity_id=int(entry.entity_id),
                action=entry.action,
                source=sources.get(run),
                import_run=run,
                before=entry.before,
                after=after,
            )
        )
    return found
