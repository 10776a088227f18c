"""The words that an installation can add to: CI classes, relationship types; and its sources."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.auth import Admin, Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from cmdb import classes
from cmdb.schemas import (
    CIClassIn,
    CIClassOut,
    CIClassPatch,
    RelationshipTypeIn,
    RelationshipTypeOut,
    RelationshipTypePatch,
)
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
    return created


@router.get("/ci-classes/{name}")
def get_class(name: Name, held: Held, _caller: Reader) -> CIClassOut:
    """One CI class."""
    with reading(held.engine) as session:
        return classes.get_class(session, name)


@router.patch("/ci-classes/{name}")
def edit_class(name: Name, body: CIClassPatch, held: Held, actor: Admin) -> CIClassOut:
    """Change a CI class; of a built-in one its label alone."""
    with transaction(held.engine) as session:
        return classes.edit_class(session, name, body, actor)


@router.get("/relationship-types", openapi_extra=list_parameters(None))
def list_types(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[RelationshipTypeOut]:
    """The relationship types, by name."""
    with reading(held.engine) as session:
        found = classes.list_types(session)
    return whole(request, query, RelationshipTypeOut, found)


@router.post("/relationship-types", status_code=201)
def create_type(
    body: RelationshipTypeIn, request: Request, response: Response, held: Held, actor: Admin
) -> RelationshipTypeOut:
    """Add a relationship type."""
    with transaction(held.engine) as session:
        created = classes.create_type(session, body, actor)
    response.headers["Location"] = f"{request.url.path}/{created.name}"
    return created


@router.get("/relationship-types/{name}")
def get_type(name: Name, held: Held, _caller: Reader) -> RelationshipTypeOut:
    """One relationship type."""
    with reading(held.engine) as session:
        return classes.get_type(session, name)


@router.patch("/relationship-types/{name}")
def edit_type(
    name: Name, body: RelationshipTypePatch, held: Held, actor: Admin
) -> RelationshipTypeOut:
    """Change a relationship type's label, or whether failure travels along it."""
    with transaction(held.engine) as session:
        return classes.edit_type(session, name, body, actor)
