"""Problem candidates: incidents without a known error that resemble each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.auth import Held, Reader
from api.lists import neighbours
from api.strict_route import StrictRoute
from kb.field_types import Moment
from kb.problem_candidates import SIMILARITY, CandidatesQuestion, problem_candidates
from kb.problem_schemas import ProblemCandidates
from opsatlas.clock import now
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/problems", tags=["problems"])


@router.get("/candidates")
def get_problem_candidates(
    request: Request,
    held: Held,
    caller: Reader,
    since: Annotated[
        Moment | None, Query(description="Only incidents that were opened then or later, RFC 3339")
    ] = None,
    min_incidents: Annotated[
        int, Query(ge=2, le=1000, description="Fewer incidents are no candidate")
    ] = 3,
    similarity: Annotated[
        float, Query(gt=0, le=1, description="Mean likeness that a candidate's incidents have")
    ] = SIMILARITY,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> ProblemCandidates:
    """Incidents without a known error that are probably of one cause, the greatest impact first."""
    at, settings = now(), held.settings
    since = since or at - timedelta(seconds=settings.problems_window)
    question = CandidatesQuestion(since, min_incidents, similarity, settings.problems_max_incidents)
    with reading(held.engine) as session:
        found = problem_candidates(session, held.retriever.current(), question, at, caller.groups)
    following, before = neighbours(request, len(found.candidates), limit, offset)
    return ProblemCandidates(
        count=len(found.candidates),
        next=following,
        previous=before,
        results=found.candidates[offset : offset + limit],
        considered=found.considered,
        since=since,
        notices=found.notices,
    )
