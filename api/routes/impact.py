"""What is affected when CIs fail."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from api import examples
from api.as_of import AsOf
from api.auth import Held, Reader
from api.services import Services
from api.strict_route import StrictRoute
from cmdb.impact_answer import answer_impact
from cmdb.impact_schemas import ImpactAnswer, ImpactQuestion, Level
from cmdb.references import Name
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["impact"])
_ANSWER: dict[int | str, dict[str, Any]] = {200: examples.answer(examples.IMPACT_ANSWER)}


@router.post("/impact", responses=_ANSWER)
def post_impact(
    question: Annotated[ImpactQuestion, Body(openapi_examples=examples.IMPACT_QUESTIONS)],
    held: Held,
    _caller: Reader,
) -> ImpactAnswer:
    """The services and CIs that the failed ones take down, degrade or put at risk, and why."""
    return _answer(held, question)


@router.get("/impact", responses=_ANSWER)
def get_impact(
    held: Held,
    _caller: Reader,
    failed: Annotated[list[Name], Query(min_length=1, description="Name of a failed CI")],
    urgency: Annotated[Level, Query()] = "high",
    max_depth: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    limit: Annotated[int, Query(ge=0)] = 200,
    as_of: AsOf = None,
) -> ImpactAnswer:
    """The same as `POST /impact`, for CIs by name."""
    question = ImpactQuestion(
        failed=list(failed), urgency=urgency, max_depth=max_depth, limit=limit, as_of=as_of
    )
    return _answer(held, question)


def _answer(held: Services, question: ImpactQuestion) -> ImpactAnswer:
    with reading(held.engine) as session:
        return answer_impact(
            session,
            held.graphs,
            question,
            held.priority_matrix,
            max_failed=held.settings.impact_max_failed,
            max_limit=held.settings.impact_max_limit,
        )
