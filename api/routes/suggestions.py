"""What has worked before, for what is seen now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from api import examples
from api.auth import Held, Reader
from api.strict_route import StrictRoute
from kb.suggest import suggest
from kb.suggest_schemas import SuggestionAnswer, SuggestionQuestion
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["suggestions"])


@router.post("/suggestions", responses={200: examples.answer(examples.SUGGESTION_ANSWER)})
def post_suggestions(
    question: Annotated[SuggestionQuestion, Body(openapi_examples=examples.SUGGESTION_QUESTIONS)],
    held: Held,
    caller: Reader,
) -> SuggestionAnswer:
    """The workarounds, fixes, known errors and runbooks that most likely help, or `no_match`."""
    with reading(held.engine) as session:
        return suggest(
            session,
            held.retriever,
            held.graphs.current(session),
            question,
            caller.groups,
            max_text=held.settings.suggest_max_text,
            duplicates=held.duplicate_policy,
            closures=held.closures,
        )
