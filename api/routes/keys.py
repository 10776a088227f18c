"""API keys: made, listed, revoked. A key itself is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import keys
from api.auth import Admin, Held
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing, shaped
from api.strict_route import StrictRoute
from opsatlas.actor import Role
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction
from opsatlas.field_docs import field_docs
from opsatlas.groups import GroupNames

router = APIRouter(route_class=StrictRoute, prefix="/keys", tags=["keys"])


class KeyIn(BaseModel):
    """The key that is wanted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Who or what will use it; the audit trail shows it."""
    role: Role
    groups: GroupNames = Field(default_factory=list)
    """Groups whose restricted records it may read; none: only what is for everyone."""
    expires_in_days: Annotated[int | None, Field(ge=1, le=36_500)] = None
    """Days until it expires; null: never."""


class NewKeyOut(BaseModel):
    """A key as it is made."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=field_docs)

    id: int
    role: Role
    groups: list[str]
    """Groups whose restricted records it may read; an admin key reads everything without any."""
    name: str
    expires_at: datetime | None
    key: str
    """The key itself: keep it, it is shown this once."""


class KeyOut(BaseModel):
    """What is known of a key; the key itself is not."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=field_docs)

    id: int
    role: Role
    groups: list[str]
    """Groups whose restricted records it may read; an admin key reads everything without any."""
    name: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To about a minute."""


@router.get("", openapi_extra=list_parameters(field_kinds(keys.LIST_COLUMNS)))
def list_keys(request: Request, query: Query, held: Held, _caller: Admin) -> Listing[KeyOut]:
    """The keys, oldest first."""
    with reading(held.engine) as session:
        page = shaped(keys.list_page_of_keys(session, query), KeyOut)
    return listing(request, query, KeyOut, page)


@router.post("", status_code=201)
def create_key(
    body: KeyIn, request: Request, response: Response, held: Held, actor: Admin
) -> NewKeyOut:
    """Make a key. The answer is the only one that ever holds it."""
    lifetime = None if body.expires_in_days is None else timedelta(days=body.expires_in_days)
    with transaction(held.engine) as session:
        made = keys.create_key(
            session, held.pepper, body.role, body.name, actor, lifetime, body.groups
        )
    response.headers["Location"] = f"{request.url.path}/{made.id}"
    response.headers["Cache-Control"] = "no-store"
    return NewKeyOut.model_validate(made)


@router.get("/{id}")
def get_key(id: Id, held: Held, _caller: Admin) -> KeyOut:  # noqa: A002 - as the address says it
    """What is known of one key."""
    with reading(held.engine) as session:
        return KeyOut.model_validate(keys.get_key(session, id))


@router.delete("/{id}", status_code=204)
def revoke_key(id: Id, held: Held, actor: Admin) -> None:  # noqa: A002 - as the address says it
    """End a key at once; it stays in the list."""
    with transaction(held.engine) as session:
        keys.revoke_key(session, id, actor)
