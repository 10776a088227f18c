"""The history of a CI, as the audit trail has it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import IMPORT_RUN
from cmdb.inventory import stored_ci
from cmdb.models import ImportRun
from cmdb.schemas import HistoryEntry
from opsatlas.audit import AuditEntry


def history(session: Session, ci_id: int, *, limit: int = 1000) -> list[HistoryEntry]:
    """What happened to a CI, newest first: who, by which load, before and after.

    Raises NoSuchCIError.
    """
    stored_ci(session, ci_id)
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.entity == "ci", AuditEntry.entity_id == str(ci_id))
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    ).all()
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
                action=entry.action,
                source=sources.get(run),
                import_run=run,
                before=entry.before,
                after=after,
            )
        )
    return found
