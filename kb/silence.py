"""Incidents that say nothing: no workaround, no resolution, no known error behind them.

They are no suggestion and speak for none, but their texts are found like others: after a storm,
five hundred of them would take every place that a known error could have.
"""

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from kb.candidates import Candidate, Pool
from kb.logged_incidents import documents_by_number
from kb.models import Incident, RecordKind
from kb.visibility import is_readable
from opsatlas.groups import UNGROUPED

MOST = 0.5
"""Share of what was found from which silent incidents crowd out the others."""

_MOST_LEFT_OUT = 20_000


def is_crowded(pool: Pool) -> bool:
    """Whether most of what search found says nothing."""
    found = [each for each in pool.candidates.values() if each.hit is not None]
    return sum(map(_is_silent, found)) > MOST * len(found)


def silent_documents(session: Session, groups: frozenset[str] | None = UNGROUPED) -> set[int]:
    """Ids of the texts of silent incidents in search: of 20,000, the newest."""
    numbers = session.scalars(
        select(Incident.number)
        .where(_says_nothing(), is_readable(Incident, groups))
        .order_by(Incident.id.desc())
        .limit(_MOST_LEFT_OUT)
    ).all()
    return set(documents_by_number(session, numbers).values())


def _says_nothing() -> ColumnElement[bool]:
    return and_(
        Incident.known_error.is_(None), Incident.workaround == "", Incident.resolution == ""
    )


def _is_silent(candidate: Candidate) -> bool:
    return (
        candidate.kind is RecordKind.INCIDENT
        and candidate.known_error is None
        and not candidate.helps
    )
