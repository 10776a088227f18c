"""Incidents: what went wrong, and what ended it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

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
from kb.loads import LoadReport
from kb.nouns import INCIDENTS
from kb.readers.raw import Section
from kb.schemas import IncidentIn, IncidentOut, IncidentPatch
from kb.stored import list_kinds

router = APIRouter(route_class=StrictRoute, prefix="/incidents", tags=["incidents"])

Number = Annotated[str, Path(description="What people call it: `INC-0042`")]


@router.get("", openapi_extra=list_parameters(list_kinds(INCIDENTS)))
def list_incidents(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[IncidentOut]:
    """The incidents, the newest first."""
    return list_records(request, held, query, INCIDENTS)


@router.post("", status_code=201)
def create_incidents(
    body: OneOrMany[IncidentIn], request: Request, response: Response, held: Held, actor: Responder
) -> IncidentOut | list[IncidentOut]:
    """Record an incident, or a list of them: all or none."""
    return create_records(request, response, held, actor, INCIDENTS, body)


@router.post("/imports")
def load_incidents(
    files: Uploads, held: Held, actor: Responder, dry_run: DryRun = False, partial: Partial = False
) -> LoadReport:
    """Load incidents from files; a number that is known already is brought up to date."""
    return load_records(files, held, actor, Section.INCIDENTS, dry_run=dry_run, partial=partial)


@router.get("/{number}")
def get_incident(number: Number, response: Response, held: Held, _caller: Reader) -> IncidentOut:
    """One incident, by its number."""
    return get_record(response, held, INCIDENTS, number)


@router.patch("/{number}")
def change_incident(
    number: Number,
    body: IncidentPatch,
    response: Response,
    held: Held,
    actor: Responder,
    if_version: IfVersion,
) -> IncidentOut:
    """Change the fields that are sent; null empties a field."""
    return change_record(response, held, actor, INCIDENTS, number, body, if_version)


@router.delete("/{number}", status_code=204)
def delete_incident(number: Number, held: Held, actor: Responder, if_version: IfVersion) -> None:
    """Delete an incident; others may go on naming its number."""
    delete_record(held, actor, INCIDENTS, number, if_version)
