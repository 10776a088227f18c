"""Problem candidates: incidents without a known error that resemble each other.

By text alone: nearness of their CIs made the clusters worse on the seed data (average precision of
pairs of one known error: .75 without, .70 with a tenth of it), for one host has many troubles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kb.clusters import clusters, cohesion
from kb.duplicates import LEFT_OUT, NOT_ENCODED
from kb.field_types import IncidentStatus, ResolutionCode
from kb.logged_incidents import LoggedIncident, documents_of, newest_incidents, with_cis
from kb.models import Incident, RecordKind
from kb.naming import common_cis, common_terms, name_of
from kb.problem_schemas import CandidateIncident, ProblemCandidate, SharedCI
from kb.recency import recency
from kb.visibility import as_shown
from opsatlas.groups import UNGROUPED
from search.collection import Collection
from search.comparison import Compared, compare, texts_of

SIMILARITY = 0.3
"""Mean likeness from which incidents are one candidate: where pairwise F1 is best on the seed data
with its links to known errors hidden (`python -m bench.problems`; docs/problems.md)."""

_LISTED_INCIDENTS, _LISTED_CIS = 50, 10
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class CandidatesQuestion:
    """Which candidates are wanted."""

    since: datetime
    min_incidents: int = 3
    similarity: float = SIMILARITY
    max_incidents: int = 2_000
    """The setting `problems_max_incidents`: how many are compared, the newest."""


@dataclass(frozen=True, slots=True)
class Found:
    """All candidates, those with the greatest impact first."""

    candidates: list[ProblemCandidate]
    considered: int
    notices: list[str]


def problem_candidates(
    session: Session,
    collection: Collection,
    question: CandidatesQuestion,
    at: datetime,
    groups: frozenset[str] | None = UNGROUPED,
) -> Found:
    """Clusters of incidents without a known error, as of `at`; only of what may be read."""
    incidents = _without_known_error(session, question, groups)
    notices = [LEFT_OUT] if len(incidents) > question.max_incidents else []
    incidents = incidents[: question.max_incidents]
    texts = texts_of(session, documents_of(incidents))
    incidents = [each for each in incidents if each.document in texts]
    compared = compare(
        collection, {each.document: texts[each.document] for each in incidents}, groups
    )
    if not compared.encoded:
        notices.append(NOT_ENCODED)
    found = [
        rows
        for rows in clusters(compared.likeness, question.similarity)
        if len(rows) >= question.min_incidents
    ]
    with_cis(session, [incidents[row] for rows in found for row in rows])
    candidates = [_described(session, rows, incidents, compared, at) for rows in found]
    candidates.sort(key=lambda each: (-each.impact, -each.recency, each.name))
    return Found(candidates, len(incidents), notices)


def _without_known_error(
    session: Session, question: CandidatesQuestion, groups: frozenset[str] | None
) -> list[LoggedIncident]:
    """The newest incidents without a known error, newest first, one more than are compared.

    What was cancelled or closed as a duplicate is no occurrence of its own.
    """
    return newest_incidents(
        session,
        question.max_incidents + 1,
        groups,
        as_shown(Incident.known_error, RecordKind.KNOWN_ERROR, groups).is_(None),
        Incident.opened_at >= question.since,
        Incident.status != IncidentStatus.CANCELLED.value,
        or_(
            Incident.resolution_code.is_(None),
            Incident.resolution_code != ResolutionCode.DUPLICATE.value,
        ),
    )


def _described(
    session: Session,
    rows: Sequence[int],
    incidents: Sequence[LoggedIncident],
    compared: Compared,
    at: datetime,
) -> ProblemCandidate:
    """One candidate; `incidents` are newest first, and so are its rows."""
    mine = [incidents[row] for row in rows]
    terms = common_terms([compared.texts[row] for row in rows], compared.idf)
    cis = common_cis(each.cis for each in mine)
    return ProblemCandidate(
        name=name_of(terms, cis, len(mine)) or mine[0].title,
        count=len(mine),
        first_opened=mine[-1].opened_at,
        last_opened=mine[0].opened_at,
        common_terms=terms,
        cis=[SharedCI(name=name, incidents=count) for name, count in cis[:_LISTED_CIS]],
        cohesion=round(cohesion(compared.likeness, list(rows)), _DECIMALS),
        impact=sum(6 - (each.priority or 5) for each in mine),
        recency=round(recency((each.opened_at for each in mine), at), _DECIMALS),
        next_step=_next_step(session, mine),
        incidents=[
            CandidateIncident(
                number=each.number,
                title=each.title,
                opened_at=each.opened_at,
                priority=each.priority,
            )
            for each in mine[:_LISTED_INCIDENTS]
        ],
    )


def _next_step(session: Session, mine: Sequence[LoggedIncident]) -> str:
    """What to do about a candidate, by what its incidents say already."""
    newest = session.execute(
        select(Incident.number, Incident.workaround, Incident.resolution)
        .where(Incident.id.in_([each.id for each in mine[:_LISTED_INCIDENTS]]))
        .order_by(Incident.opened_at.desc(), Incident.id.desc())
    ).all()
    helped = next((row.number for row in newest if row.workaround.strip()), None)
    ended = next((row.number for row in newest if row.resolution.strip()), None)
    if helped:
        return f"record a known error with the workaround of {helped} and link these incidents"
    if ended:
        return f"record a known error with what ended {ended} and link these incidents"
    return "nobody wrote down what helped: look for the cause, then record a known error"
