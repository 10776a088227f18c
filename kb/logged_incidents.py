"""The newest incidents as plain values, to be compared with each other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from kb.affected import affected
from kb.chunks import chunks
from kb.field_types import IncidentStatus
from kb.models import Incident, RecordKind
from kb.visibility import is_readable
from search.models import SearchDocument

_OPEN = (
    IncidentStatus.OPEN.value,
    IncidentStatus.IN_PROGRESS.value,
    IncidentStatus.ON_HOLD.value,
)


@dataclass(frozen=True, slots=True)
class LoggedIncident:
    """What is compared of an incident."""

    id: int
    document: int
    """Id of its text in search."""
    number: str
    title: str
    priority: int | None
    opened_at: datetime
    cis: dict[str, int | None] = field(default_factory=dict)
    """Id by name; None where no CI fits the name."""


def newest_incidents(
    session: Session, limit: int, groups: frozenset[str] | None, *where: ColumnElement[bool]
) -> list[LoggedIncident]:
    """The newest `limit` incidents that a caller in `groups` may read and that are `where`, newest
    first. Their CIs are read by `with_cis`: of most of them nobody wants to know."""
    rows = session.execute(
        select(
            Incident.id,
            Incident.number,
            Incident.title,
            Incident.priority,
            Incident.opened_at,
        )
        .where(is_readable(Incident, groups), *where)
        .order_by(Incident.opened_at.desc(), Incident.id.desc())
        .limit(limit)
    ).all()
    # Joined, SQLite would read the texts of all incidents to find a handful.
    documents = documents_by_number(session, [row.number for row in rows])
    return [
        LoggedIncident(row.id, documents[row.number], *row[1:])
        for row in rows
        if row.number in documents
    ]


def documents_by_number(session: Session, numbers: Sequence[str]) -> dict[str, int]:
    """Ids of the texts of these incidents in search."""
    found: dict[str, int] = {}
    for chunk in chunks(numbers):
        rows = session.execute(
            select(SearchDocument.key, SearchDocument.id).where(
                SearchDocument.kind == RecordKind.INCIDENT.value, SearchDocument.key.in_(chunk)
            )
        )
        found |= {row.key: row.id for row in rows}
    return found


def is_open() -> ColumnElement[bool]:
    """Whether nobody has ended an incident yet."""
    return Incident.status.in_(_OPEN)


def with_cis(session: Session, incidents: Collection[LoggedIncident]) -> None:
    """Fill in the CIs of these incidents."""
    cis = affected(session, RecordKind.INCIDENT, [each.id for each in incidents])
    for each in incidents:
        each.cis.update(cis[each.id])


def ids_of_cis(incident: LoggedIncident) -> list[int]:
    """The CIs that it is about, as far as they are known."""
    return [ci_id for ci_id in incident.cis.values() if ci_id is not None]


def documents_of(incidents: Sequence[LoggedIncident]) -> list[int]:
    """Ids of their texts in search."""
    return [each.document for each in incidents]
