"""Records that fit several configuration items: what a person decides, and what follows."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing
from api.strict_route import StrictRoute
from cmdb import reviews
from cmdb.source_schemas import ReviewOut
from kb.affected import link_unresolved
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/reviews", tags=["imports"])


class MergeIn(BaseModel):
    """The configuration item that a record is about."""

    model_config = ConfigDict(extra="forbid")

    ci: Id


@router.get("", openapi_extra=list_parameters(field_kinds(reviews.LIST_COLUMNS)))
def list_reviews(request: Request, query: Query, held: Held, _caller: Reader) -> Listing[ReviewOut]:
    """Records that were not guessed, the newest first; `state=open` are those that wait."""
    with reading(held.engine) as session:
        page = reviews.list_reviews(session, query)
    return listing(request, query, ReviewOut, page)


@router.get("/{id}")
def get_review(id: Id, held: Held, _caller: Reader) -> ReviewOut:  # noqa: A002 - as the address says it
    """One record with the configuration items that it fits, and why."""
    with reading(held.engine) as session:
        return reviews.get_review(session, id)


@router.post("/{id}/merge")
def merge(id: Id, body: MergeIn, held: Held, actor: Admin) -> ReviewOut:  # noqa: A002 - as the address says it
    """It is this one: the record's values go to it, and later loads know it by its key."""
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        return reviews.merge(session, id, body.ci, actor, revision_keep=keep)


@router.post("/{id}/keep-apart")
def keep_apart(id: Id, held: Held, actor: Admin) -> ReviewOut:  # noqa: A002 - as the address says it
    """It is none of them: the record becomes a configuration item of its own."""
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        decided = reviews.keep_apart(session, id, actor, revision_keep=keep)
        link_unresolved(session)
    return decided
