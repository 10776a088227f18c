"""Configuration items that are probably one thing: proposed, and kept apart where they are two."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, Query, Shaped, list_parameters, listing, refuse_filters
from api.strict_route import StrictRoute
from cmdb import kept_apart
from cmdb.duplicates import described
from cmdb.merge_schemas import DuplicatePair, KeptApartOut
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/duplicates", tags=["configuration items"])


class KeepApartIn(BaseModel):
    """The two configuration items, by id."""

    model_config = ConfigDict(extra="forbid")

    cis: Annotated[list[Id], Field(min_length=2, max_length=2)]


@router.get("", openapi_extra=list_parameters(None))
def list_duplicates(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[DuplicatePair]:
    """Pairs that are probably one thing, the surest first, with reasons. Nothing is merged by
    itself."""
    refuse_filters(query)
    end = query.offset + query.limit
    with reading(held.engine) as session:
        found = held.duplicates.current(session)
        results = described(session, found[query.offset : end])
    page = Shaped(len(found), results, end < len(found), None)
    return listing(request, query, DuplicatePair, page)


@router.get("/keep-apart", openapi_extra=list_parameters(field_kinds(kept_apart.LIST_COLUMNS)))
def list_kept_apart(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[KeptApartOut]:
    """Pairs that somebody found to be two, the newest decision first."""
    with reading(held.engine) as session:
        page = kept_apart.list_kept_apart(session, query)
    return listing(request, query, KeptApartOut, page)


@router.post("/keep-apart")
def keep_apart(body: KeepApartIn, held: Held, actor: Admin) -> KeptApartOut:
    """Remember for good that two configuration items are two: they are not proposed again."""
    with transaction(held.engine) as session:
        return kept_apart.keep_apart(session, body.cis[0], body.cis[1], actor)


@router.delete("/keep-apart/{id}", status_code=204)
def forget(id: Id, held: Held, actor: Admin) -> None:  # noqa: A002 - as the address says it
    """Take back that two configuration items are two."""
    with transaction(held.engine) as session:
        kept_apart.forget(session, id, actor)
