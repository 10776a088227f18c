"""Incidents: what went wrong, and what ended it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as QueryParameter

from api.auth import Held, Reader, Responder
from api.lists import Listing, Query, list_parameters, neighbours
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
from kb.duplicate_schemas import IncidentGroups
from kb.duplicates import group_open_incidents
from kb.field_types import Moment
from kb.loads import LoadReport
from kb.nouns import INCIDENTS
from kb.readers.raw import Section
from kb.schemas import IncidentIn, IncidentOut, IncidentPatch
from kb.stored import list_kinds
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/incidents", tags=["incidents"])

Number = Annotated[str, Path(description="What people call it: `INC-0042`")]


@router.get("", openapi_extra=list_parameters(list_kinds(INCIDENTS)))
def list_incidents(
    request: Request, query: Query, held: Held, caller: Reader
) -> Listing[IncidentOut]:
    """The incidents, the newest first."""
    return list_records(request, held, caller, query, INCIDENTS)


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


@router.get("/groups")
def get_incident_groups(
    request: Request,
    held: Held,
    caller: Reader,
    since: Annotated[
        Moment | None, QueryParameter(description="Only those opened then or later, RFC 3339")
    ] = None,
    members: Annotated[
        int, QueryParameter(ge=0, le=1000, description="Most incidents that a group lists")
    ] = 50,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50,
    offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0,
) -> IncidentGroups:
    """Open incidents that are probably one trouble: a storm of alerts is one group."""
    with reading(held.engine) as session:
        found = group_open_incidents(
            session,
            held.retriever.current(),
            held.graphs.current(session).snapshot,
            since=since,
            members=members,
            policy=held.duplicate_policy,
            groups=caller.groups,
        )
    following, before = neighbours(request, len(found.groups), limit, offset)
    return IncidentGroups(
        count=len(found.groups),
        next=following,
        previous=before,
        results=found.groups[offset : offset + limit],
        open_incidents=found.open_incidents,
        alone=found.alone,
        notices=found.notices,
    )


@router.get("/{number}")
def get_incident(number: Number, response: Response, held: Held, caller: Reader) -> IncidentOut:
    """One incident, by its number."""
    return get_record(response, held, caller, INCIDENTS, number)


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
