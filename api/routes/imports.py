"""Inventory from files: loaded, dry-run, looked up later."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi import Query as QueryParameter
from pydantic import BaseModel, ConfigDict

from api import examples
from api.auth import Admin, Held, Reader
from api.ids import Id
from api.inventory import load_later, load_now
from api.lists import Listing, Query, list_parameters, listing, shaped
from api.strict_route import StrictRoute
from api.uploads import Choices, DryRun, MappingFile, Partial, Uploads, form_text, size_of
from cmdb import import_runs
from cmdb.importers.registry import AUTO
from cmdb.load_options import LoadOptions
from cmdb.models import ImportState
from cmdb.plan import Missing
from cmdb.schemas import ImportReport
from cmdb.source_schemas import UndoReport
from cmdb.undo import undo
from kb.affected import link_unresolved
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/imports", tags=["imports"])


class ImportRunOut(BaseModel):
    """A load in a list; its report is at its own address."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    state: ImportState
    source: str
    format: str
    dry_run: bool
    actor: str
    created_at: datetime
    finished_at: datetime | None


_REPORT = examples.answer(examples.IMPORT_REPORT)
_LATER = {
    "model": ImportReport,
    "description": "It is loaded in the background; `Location` will have the report",
}


@router.post("", responses={200: _REPORT, 202: _LATER})
def post_import(
    files: Uploads,
    request: Request,
    response: Response,
    held: Held,
    actor: Admin,
    mapping: MappingFile,
    choices: Choices,
    source: Annotated[
        str,
        Form(description="System of record of the files; left out, `native` or the format's name"),
    ] = "",
    format: Annotated[str, Form(description="`auto` finds it out")] = AUTO,  # noqa: A002
    dry_run: DryRun = False,
    missing: Annotated[
        Missing, Form(description="What becomes of CIs that the source no longer reports")
    ] = Missing.KEEP,
    partial: Partial = False,
    expected_plan: Annotated[
        str, Form(description="Fingerprint of a dry run's plan: load only if it still holds")
    ] = "",
) -> ImportReport:
    """Load configuration items and relationships, all files in one unit of work."""
    options = LoadOptions(
        form_text(source),
        form_text(format),
        dry_run,
        missing,
        partial,
        mapping,
        choices,
        form_text(expected_plan),
    )
    if size_of(files) <= held.settings.import_background_bytes:
        return load_now(held.engine, held.settings, files, options, actor, held.local_progress)
    report = load_later(held.engine, held.settings, files, options, actor)
    held.worker.wake()
    response.status_code = 202
    response.headers["Location"] = f"{request.url.path}/{report.id}"
    return report


@router.get("", openapi_extra=list_parameters(field_kinds(import_runs.LIST_COLUMNS)))
def list_imports(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[ImportRunOut]:
    """The loads, the newest first."""
    with reading(held.engine) as session:
        page = shaped(import_runs.list_runs(session, query), ImportRunOut)
    return listing(request, query, ImportRunOut, page)


@router.post("/{id}/undo")
def undo_import(
    id: Id,  # noqa: A002 - as it is called
    held: Held,
    actor: Admin,
    dry_run: Annotated[bool, QueryParameter(description="Say what would happen")] = False,
) -> UndoReport:
    """Take back what a load brought, and bring back what it changed. What something later built
    on stays, and is listed."""
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        report = undo(session, id, actor, revision_keep=keep)
        if dry_run:
            session.rollback()
        else:
            link_unresolved(session)
    return report


@router.get("/{id}", responses={200: _REPORT})
def get_import(id: Id, held: Held, _caller: Reader) -> ImportReport:  # noqa: A002 - as it is called
    """The report of one load; its `state` says whether it is done."""
    with reading(held.engine) as session:
        report = import_runs.report_of(import_runs.get_run(session, id))
    report.progress = held.load_board.of(id) or report.progress
    return report
