"""Which CIs are behind what is seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from api import examples
from api.auth import Held, Reader
from api.strict_route import StrictRoute
from cmdb.suspects import Budget
from kb.suspect_answer import answer_suspects
from kb.suspect_schemas import SuspectsAnswer, SuspectsQuestion
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["impact"])


@router.post("/suspects", responses={200: examples.answer(examples.SUSPECTS_ANSWER)})
def post_suspects(
    question: Annotated[SuspectsQuestion, Body(openapi_examples=examples.SUSPECTS_QUESTIONS)],
    held: Held,
    caller: Reader,
) -> SuspectsAnswer:
    """The CIs whose failure would explain the symptoms best, why, and what to check next."""
    settings = held.settings
    budget = Budget(settings.suspects_max_candidates, settings.suspects_max_seconds)
    with reading(held.engine) as session:
        return answer_suspects(session, held.graphs, question, budget, caller.groups)
