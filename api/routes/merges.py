"""Merging configuration items, and undoing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Query as QueryParameter
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing, shaped
from api.strict_route import StrictRoute
from cmdb import unmerge
from cmdb.merge_schemas import MergeOut, MergeReport, UnmergeReport
from kb.merging import merge_cis, preview_merge, unmerge_cis
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, tags=["configuration items"])

DryRun = Annotated[bool, QueryParameter(description="Say what would happen")]


class MergeIn(BaseModel):
    """The configuration item that stays."""

    model_config = ConfigDict(extra="forbid")

    into: Id


@router.post("/cis/{id}/merge")
def merge_ci(
    id: Id,  # noqa: A002 - as the address says it
    body: MergeIn,
    held: Held,
    actor: Admin,
    dry_run: DryRun = False,
) -> MergeReport:
    """Make a configuration item part of another one: both are one thing. What is said of it,
    its relationships and the records about it go over; its id leads on."""
    if dry_run:
        with reading(held.engine) as session:
            return preview_merge(session, id, body.into)
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        return merge_cis(session, id, body.into, actor, revision_keep=keep)


@router.get("/merges", openapi_extra=list_parameters(field_kinds(unmerge.LIST_COLUMNS)))
def list_merges(request: Request, query: Query, held: Held, _caller: Reader) -> Listing[MergeOut]:
    """The merges, the newest first; `undone_at__empty=true` are those that hold."""
    with reading(held.engine) as session:
        page = shaped(unmerge.list_merges(session, query), MergeOut)
    return listing(request, query, MergeOut, page)


@router.get("/merges/{id}")
def get_merge(id: Id, held: Held, _caller: Reader) -> MergeOut:  # noqa: A002 - as the address says it
    """One merge."""
    with reading(held.engine) as session:
        return unmerge.get_merge(session, id)


@router.post("/merges/{id}/undo")
def undo_merge(
    id: Id,  # noqa: A002 - as the address says it
    held: Held,
    actor: Admin,
    dry_run: DryRun = False,
) -> UnmergeReport:
    """Make what was merged a configuration item of its own again. What something later built on
    stays, and is listed."""
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        report = unmerge_cis(session, id, actor, revision_keep=keep)
        if dry_run:
            session.rollback()
    return report.model_copy(update={"dry_run": dry_run})
