"""The audit trail: who wrote what, before and after, when, for which request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from opsatlas.actor import Actor
from opsatlas.db.listing import ListQuery, Page, field_columns, list_page
from opsatlas.db.model import BigId, Model
from opsatlas.db.rows import insert_rows
from opsatlas.db.transaction import moment
from opsatlas.errors import NotFoundError


class AuditEntry(Model):
    """One write. `before` is null for a creation, `after` for a deletion."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_entity_entity_id", "entity", "entity_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    role: Mapped[str]
    request_id: Mapped[str | None]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


_ENTRIES = AuditEntry.metadata.tables[AuditEntry.__tablename__]

LIST_COLUMNS = field_columns(AuditEntry, without=("before", "after"))
"""What a list of entries can be filtered and ordered by."""


@dataclass(frozen=True, slots=True)
class Write:
    """What happened to one record: `action` is create, update, delete, retire, revoke, …

    For an update `before` and `after` hold the fields that differ, and only those.
    """

    action: str
    entity: str
    entity_id: int | str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def record(session: Session, actor: Actor, writes: Iterable[Write]) -> None:
    """Append `writes` to the audit trail, in the unit of work that made them."""
    at = moment(session)
    rows = [
        {
            "at": at,
            "actor": actor.name,
            "role": actor.role.value,
            "request_id": actor.request_id,
            "action": write.action,
            "entity": write.entity,
            "entity_id": str(write.entity_id),
            "before": write.before,
            "after": write.after,
        }
        for write in writes
    ]
    insert_rows(session, _ENTRIES, rows)


def list_entries(session: Session, query: ListQuery) -> Page[AuditEntry]:
    """One page of the audit trail, the newest first. Raises InvalidListQueryError."""
    return list_page(session, AuditEntry, LIST_COLUMNS, query, default_ordering=("-id",))


def get_entry(session: Session, entry_id: int) -> AuditEntry:
    """One entry of the audit trail. Raises NotFoundError."""
    found = session.get(AuditEntry, entry_id)
    if found is None:
        raise NotFoundError(f"there is no audit entry {entry_id}")
    return found


def difference(
    before: dict[str, Any], after: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of two states of one record that differ, as (before, after)."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}
