"""Changes to CIs: planned, done, failed, reverted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response

from api import change_examples
from api.auth import Held, Reader, Responder
from api.lists import Listing, Query, list_parameters
from api.one_or_many import OneOrMany
from api.preconditions import IfVersion
from api.record_work import (
    change_record,
    create_records,
    delete_record,
    get_record,
    list_records,
    load_records,
)
from api.strict_route import StrictRoute
from api.uploads import DryRun, Partial, Uploads
from kb.change_assessment import assess_changes
from kb.change_assessment_schemas import Assessment, AssessmentQuestion
from kb.loads import LoadReport
from kb.nouns import CHANGES
from kb.readers.raw import Section
from kb.schemas import ChangeIn, ChangeOut, ChangePatch
from kb.stored import list_kinds
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/changes", tags=["changes"])

Number = Annotated[str, Path(description="What people call it: `CHG-0007`")]


@router.get("", openapi_extra=list_parameters(list_kinds(CHANGES)))
def list_changes(request: Request, query: Query, held: Held, caller: Reader) -> Listing[ChangeOut]:
    """The changes, the newest first."""
    return list_records(request, held, caller, query, CHANGES)


@router.post("", status_code=201)
def create_changes(
    body: OneOrMany[ChangeIn], request: Request, response: Response, held: Held, actor: Responder
) -> ChangeOut | list[ChangeOut]:
    """Record a change, or a list of them: all or none."""
    return create_records(request, response, held, actor, CHANGES, body)


@router.post("/assess")
def assess_planned_changes(
    question: Annotated[
        AssessmentQuestion, Body(openapi_examples=change_examples.ASSESSMENT_QUESTIONS)
    ],
    held: Held,
    _caller: Reader,
) -> Assessment:
    """What planned changes do together: which services lose redundancy or go down, and when."""
    with reading(held.engine) as session:
        return assess_changes(
            session,
            held.graphs,
            question,
            max_changes=held.settings.changes_max_assessed,
            max_analyses=held.settings.changes_max_analyses,
        )


@router.post("/imports")
def load_changes(
    files: Uploads, held: Held, actor: Responder, dry_run: DryRun = False, partial: Partial = False
) -> LoadReport:
    """Load changes from files; a number that is known already is brought up to date."""
    return load_records(files, held, actor, Section.CHANGES, dry_run=dry_run, partial=partial)


@router.get("/{number}")
def get_change(number: Number, response: Response, held: Held, caller: Reader) -> ChangeOut:
    """One change, by its number."""
    return get_record(response, held, caller, CHANGES, number)


@router.patch("/{number}")
def change_change(
    number: Number,
    body: ChangePatch,
    response: Response,
    held: Held,
    actor: Responder,
    if_version: IfVersion,
) -> ChangeOut:
    """Change the fields that are sent; null empties a field."""
    return change_record(response, held, actor, CHANGES, number, body, if_version)


@router.delete("/{number}", status_code=204)
def delete_change(number: Number, held: Held, actor: Responder, if_version: IfVersion) -> None:
    """Delete a change; others may go on naming its number."""
    delete_record(held, actor, CHANGES, number, if_version)
