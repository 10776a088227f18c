"""What is affected when CIs fail."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import ValidationError

from api import examples
from api.as_of import AsOf
from api.auth import Held, Reader, services
from api.services import Services
from api.strict_route import StrictRequest, StrictRoute
from cmdb.full_impact import Explain, FullImpactAnswer, FullImpactQuestion, answer_full_impact_json
from cmdb.impact_answer import answer_impact_json
from cmdb.impact_at_once import NotAtOnceError, answer_at_once
from cmdb.impact_schemas import ImpactQuestion, Level
from cmdb.references import Name
from opsatlas.db.kept_reader import CannotReadNowError
from opsatlas.db.transaction import reading
from opsatlas.errors import OpsAtlasError


class ImpactRoute(StrictRoute):
    """Gives small answers at once: most failures reach a handful of CIs."""

    async def at_once(self, request: StrictRequest) -> Response | None:
        held = services(request)
        if held.reader is None or request.method != "POST":
            return None
        await request.body()  # out here: who stopped in the middle of a body cannot read it again
        try:
            content = answer_at_once(
                held.reader,
                held.graphs,
                ImpactQuestion.model_validate(await request.json()),
                held.priority_matrix,
                max_failed=held.settings.impact_max_failed,
                max_limit=held.settings.impact_max_limit,
            )
        except (NotAtOnceError, CannotReadNowError, ValidationError, OpsAtlasError):
            return None
        return Response(content, media_type="application/json")


router = APIRouter(route_class=ImpactRoute, tags=["impact"])
_ANSWER: dict[int | str, dict[str, Any]] = {200: examples.answer(examples.IMPACT_ANSWER)}


@router.post("/impact", responses=_ANSWER, response_model=FullImpactAnswer)
def post_impact(
    question: Annotated[FullImpactQuestion, Body(openapi_examples=examples.IMPACT_QUESTIONS)],
    held: Held,
    _caller: Reader,
) -> Response:
    """The services and CIs that the failed ones take down, degrade or put at risk, and why."""
    return _answer(held, question)


@router.get("/impact", responses=_ANSWER, response_model=FullImpactAnswer)
def get_impact(
    held: Held,
    _caller: Reader,
    failed: Annotated[list[Name], Query(min_length=1, description="Name of a failed CI")],
    urgency: Annotated[Level, Query()] = "high",
    max_depth: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    limit: Annotated[int, Query(ge=0)] = 200,
    as_of: AsOf = None,
    explain: Annotated[Explain, Query(description="`all`: also the facts in full")] = "path",
    why: Annotated[list[Name] | None, Query(description="Name of a CI to explain")] = None,
) -> Response:
    """The same as `POST /impact`, for CIs by name."""
    question = FullImpactQuestion(
        failed=list(failed),
        urgency=urgency,
        max_depth=max_depth,
        limit=limit,
        as_of=as_of,
        explain=explain,
        why=list(why or ()),
    )
    return _answer(held, question)


def _answer(held: Services, question: FullImpactQuestion) -> Response:
    answer = answer_full_impact_json if question.asks_more else answer_impact_json
    with reading(held.engine) as session:
        content = answer(
            session,
            held.graphs,
            question,
            held.priority_matrix,
            max_failed=held.settings.impact_max_failed,
            max_limit=held.settings.impact_max_limit,
        )
    return Response(content, media_type="application/json")
