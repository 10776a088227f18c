"""Which source is believed, for each attribute."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from cmdb import precedence
from cmdb.recompute import recompute
from cmdb.relationship_settling import settle_said_by_several
from cmdb.source_schemas import PrecedenceOut
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/precedence", tags=["imports"])

Attribute = Annotated[
    str, Path(description="A field, `attributes.NAME`, or `*` for all that have no order")
]


class PrecedenceIn(BaseModel):
    """Sources, the most trusted first; an empty list takes the order away."""

    model_config = ConfigDict(extra="forbid")

    sources: list[str]


@router.get("", openapi_extra=list_parameters(None))
def list_precedence(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[PrecedenceOut]:
    """The orders that are set. Without one the source that was loaded first is believed."""
    with reading(held.engine) as session:
        found = precedence.list_precedence(session)
    return whole(request, query, PrecedenceOut, found)


@router.put("/{attribute:path}")
def set_precedence(
    attribute: Attribute, body: PrecedenceIn, held: Held, actor: Admin
) -> PrecedenceOut:
    """Set the order for one attribute; the configuration items follow at once.

    `dependency` and `min_up` are those of relationships and of their redundancy groups.
    """
    with transaction(held.engine) as session:
        made = precedence.set_precedence(session, attribute, body.sources, actor)
        touched = list(precedence.several_sources(session))
        keep = held.settings.revision_keep
        recompute(session, touched, actor, revision_keep=keep)
        settle_said_by_several(session, actor, revision_keep=keep)
    return made
