"""Known errors: problems whose cause and workaround are documented."""

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
from kb.nouns import KNOWN_ERRORS
from kb.readers.raw import Section
from kb.schemas import KnownErrorIn, KnownErrorOut, KnownErrorPatch
from kb.stored import list_kinds

router = APIRouter(route_class=StrictRoute, prefix="/known-errors", tags=["known errors"])

Number = Annotated[str, Path(description="What people call it: `KE-0012`")]


@router.get("", openapi_extra=list_parameters(list_kinds(KNOWN_ERRORS)))
def list_known_errors(
    request: Request, query: Query, held: Held, caller: Reader
) -> Listing[KnownErrorOut]:
    """The known errors, the newest first."""
    return list_records(request, held, caller, query, KNOWN_ERRORS)


@router.post("", status_code=201)
def create_known_errors(
    body: OneOrMany[KnownErrorIn],
    request: Request,
    response: Response,
    held: Held,
    actor: Responder,
) -> KnownErrorOut | list[KnownErrorOut]:
    """Record a known error, or a list of them: all or none."""
    return create_records(request, response, held, actor, KNOWN_ERRORS, body)


@router.post("/imports")
def load_known_errors(
    files: Uploads, held: Held, actor: Responder, dry_run: DryRun = False, partial: Partial = False
) -> LoadReport:
    """Load known errors from files; a number that is known already is brought up to date."""
    return load_records(files, held, actor, Section.KNOWN_ERRORS, dry_run=dry_run, partial=partial)


@router.get("/{number}")
def get_known_error(
    number: Number, response: Response, held: Held, caller: Reader
) -> KnownErrorOut:
    """One known error, by its number."""
    return get_record(response, held, caller, KNOWN_ERRORS, number)


@router.patch("/{number}")
def change_known_error(
    number: Number,
    body: KnownErrorPatch,
    response: Response,
    held: Held,
    actor: Responder,
    if_version: IfVersion,
) -> KnownErrorOut:
    """Change the fields that are sent; null empties a field."""
    return change_record(response, held, actor, KNOWN_ERRORS, number, body, if_version)


@router.delete("/{number}", status_code=204)
def delete_known_error(number: Number, held: Held, actor: Responder, if_version: IfVersion) -> None:
    """Delete a known error; others may go on naming its number."""
    delete_record(held, actor, KNOWN_ERRORS, number, if_version)
