"""Sources: the systems of record that feed us."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from api.auth import Admin, Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from cmdb import sources
from cmdb.source_schemas import SourceIn, SourceOut, SourcePatch
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/sources", tags=["imports"])

Name = Annotated[str, Path(description="Its name, for example `netbox`")]


@router.get("", openapi_extra=list_parameters(None))
def list_sources(request: Request, query: Query, held: Held, _caller: Reader) -> Listing[SourceOut]:
    """The sources, by name. The first load under a name makes a source."""
    with reading(held.engine) as session:
        found = sources.list_sources(session)
    return whole(request, query, SourceOut, found)


@router.post("", status_code=201)
def create_source(
    body: SourceIn, request: Request, response: Response, held: Held, actor: Admin
) -> SourceOut:
    """Name a source before its first load."""
    with transaction(held.engine) as session:
        created = sources.create_source(session, body, actor)
    response.headers["Location"] = f"{request.url.path}/{quote(created.name)}"
    return created


@router.get("/{name:path}")
def get_source(name: Name, held: Held, _caller: Reader) -> SourceOut:
    """One source."""
    with reading(held.engine) as session:
        return sources.get_source(session, name)


@router.patch("/{name:path}")
def edit_source(name: Name, body: SourcePatch, held: Held, actor: Admin) -> SourceOut:
    """Describe a source anew."""
    with transaction(held.engine) as session:
        return sources.edit_source(session, name, body, actor)
