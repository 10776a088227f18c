"""The words that an installation can add to: CI classes, relationship types; and its sources."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi import Query as QueryParameter

from api import examples
from api.auth import Admin, Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.preconditions import IfVersion, etag
from api.strict_route import StrictRoute
from cmdb import classes, relationship_types
from cmdb.schemas import (
    CIClassIn,
    CIClassOut,
    CIClassPatch,
    RelationshipTypeIn,
    RelationshipTypeOut,
    RelationshipTypePatch,
)
from cmdb.type_effect import EffectLimits, type_effect
from cmdb.type_effect_schemas import RelationshipTypeEffect
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, tags=["catalogue"])

Name = Annotated[str, Path(description="Its name, for example `database` or `depends_on`")]


@router.get("/ci-classes", openapi_extra=list_parameters(None))
def list_classes(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[CIClassOut]:
    """The CI classes, by name."""
    with reading(held.engine) as session:
        found = classes.list_classes(session)
    return whole(request, query, CIClassOut, found)


@router.post("/ci-classes", status_code=201)
def create_class(
    body: CIClassIn, request: Request, response: Response, held: Held, actor: Admin
) -> CIClassOut:
    """Add a CI class below an existing one."""
    with transaction(held.engine) as session:
        created = classes.create_class(session, body, actor)
    response.headers["Location"] = f"{request.url.path}/{created.name}"
    response.headers["ETag"] = etag(created.version)
    return created


@router.get("/ci-classes/{name}")
def get_class(name: Name, response: Response, held: Held, _caller: Reader) -> CIClassOut:
    """One CI class."""
    with reading(held.engine) as session:
        found = classes.get_class(session, name)
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/ci-classes/{name}")
def edit_class(
    name: Name,
    body: CIClassPatch,
    response: Response,
    held: Held,
    actor: Admin,
    if_version: IfVersion,
) -> CIClassOut:
    """Change a CI class; of a built-in one its label alone."""
    with transaction(held.engine) as session:
        changed = classes.edit_class(session, name, body, actor, if_version)
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.delete("/ci-classes/{name}", status_code=204)
def delete_class(name: Name, held: Held, actor: Admin, if_version: IfVersion) -> None:
    """Delete a CI class of your own that no CI has."""
    with transaction(held.engine) as session:
        classes.delete_class(session, name, actor, if_version)


@router.get("/relationship-types", openapi_extra=list_parameters(None))
def list_types(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[RelationshipTypeOut]:
    """The relationship types, by name."""
    with reading(held.engine) as session:
        found = relationship_types.list_types(session)
    return whole(request, query, RelationshipTypeOut, found)


@router.post("/relationship-types", status_code=201)
def create_type(
    body: RelationshipTypeIn, request: Request, response: Response, held: Held, actor: Admin
) -> RelationshipTypeOut:
    """Add a relationship type."""
    with transaction(held.engine) as session:
        created = relationship_types.create_type(session, body, actor)
    response.headers["Location"] = f"{request.url.path}/{created.name}"
    response.headers["ETag"] = etag(created.version)
    return created


@router.get("/relationship-types/{name}")
def get_type(name: Name, response: Response, held: Held, _caller: Reader) -> RelationshipTypeOut:
    """One relationship type."""
    with reading(held.engine) as session:
        found = relationship_types.get_type(session, name)
    response.headers["ETag"] = etag(found.version)
    return found


@router.post("/relationship-types/{name}/preview")
def preview_type(
    name: Name,
    body: Annotated[RelationshipTypePatch, Body(openapi_examples=examples.TYPE_PREVIEWS)],
    held: Held,
    _caller: Reader,
    limit: Annotated[int, QueryParameter(ge=0, le=1000, description="Most services listed")] = 20,
) -> RelationshipTypeEffect:
    """What an edit of a relationship type would change for the services; nothing is written."""
    limits = EffectLimits(limit, held.settings.weak_points_budget)
    with reading(held.engine) as session:
        live = held.live.current(session)
        return type_effect(session, held.graphs, live, name, body, limits)


@router.patch("/relationship-types/{name}")
def edit_type(
    name: Name,
    body: RelationshipTypePatch,
    response: Response,
    held: Held,
    actor: Admin,
    if_version: IfVersion,
) -> RelationshipTypeOut:
    """Change a relationship type's label, or whether failure travels along it."""
    with transaction(held.engine) as session:
        changed = relationship_types.edit_type(session, name, body, actor, if_version)
    held.live.follow_write()
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.delete("/relationship-types/{name}", status_code=204)
def delete_type(name: Name, held: Held, actor: Admin, if_version: IfVersion) -> None:
    """Delete a relationship type of your own that no relationship has."""
    with transaction(held.engine) as session:
        relationship_types.delete_type(session, name, actor, if_version)
