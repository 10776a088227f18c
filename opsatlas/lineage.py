"""Which database a cache on disk was made from: told by the audit trail, which only grows.

A file takes its name from the database's first entry, and carries the newest entry of when it was
written, which must still stand there as it was. So the file of another database is noticed, and
that of one that went another way after a backup was restored. A database without any entry has
no lineage.
"""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from opsatlas.audit import AuditEntry
from opsatlas.clock import rfc3339

Known = list[Any]
"""What tells an entry from others, as JSON keeps it."""


def lineage_name(session: Session) -> str | None:
    """Sixteen signs that are the same as long as the database lives; None without any entry."""
    first = _entry(session, newest=False)
    if first is None:
        return None
    return hashlib.blake2b(json.dumps(first).encode(), digest_size=8).hexdigest()


def newest_known(session: Session) -> Known | None:
    """What to write down of the database as it is now; None without any entry."""
    return _entry(session, newest=True)


def descends_from(session: Session, known: Known | None) -> bool:
    """Whether the database still has the entry that was written down."""
    return known is not None and _entry(session, newest=True, entry_id=known[0]) == known


def _entry(session: Session, *, newest: bool, entry_id: int | None = None) -> Known | None:
    statement = select(
        AuditEntry.id, AuditEntry.at, AuditEntry.actor, AuditEntry.entity, AuditEntry.entity_id
    ).order_by(AuditEntry.id.desc() if newest else AuditEntry.id)
    if entry_id is not None:
        statement = statement.where(AuditEntry.id == entry_id)
    row = session.execute(statement.limit(1)).one_or_none()
    if row is None:
        return None
    return [row.id, rfc3339(row.at), row.actor, row.entity, row.entity_id]
