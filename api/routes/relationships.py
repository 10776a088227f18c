"""Relationships: what needs what."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.as_of import AsOf, without
from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing, whole
from api.one_or_many import OneOrMany
from api.preconditions import IfVersion, etag
from api.strict_route import StrictRoute
from cmdb import relationship_reads, relationships
from cmdb.as_of import relationship_at
from cmdb.history import relationship_history
from cmdb.moments import checked
from cmdb.past_lists import list_relationships_at
from cmdb.schemas import HistoryEntry, RelationshipIn, RelationshipOut, RelationshipPatch
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/relationships", tags=["relationships"])


@router.get("", openapi_extra=list_parameters(relationship_reads.list_relationship_kinds()))
def list_relationships(
    request: Request, query: Query, held: Held, _caller: Reader, as_of: AsOf = None
) -> Listing[RelationshipOut]:
    """The relationships, by id."""
    with reading(held.engine) as session:
        if as_of is None:
            page = relationship_reads.list_relationships(session, query)
        else:
            query = without(query, "as_of")
            moment = held.graphs.moments.get(session, checked(as_of))
            page = list_relationships_at(session, moment, query)
    return listing(request, query, RelationshipOut, page)


@router.post("", status_code=201)
def create_relationships(
    body: OneOrMany[RelationshipIn],
    request: Request,
    response: Response,
    held: Held,
    actor: Admin,
) -> RelationshipOut | list[RelationshipOut]:
    """Add a relationship, or a list of them: all or none."""
    single = not isinstance(body, list)
    with transaction(held.engine) as session:
        created = relationships.create_relationships(
            session,
            body if isinstance(body, list) else [body],
            actor,
            single=single,
            revision_keep=held.settings.revision_keep,
        )
    if not single:
        return created
    response.headers["Location"] = f"{request.url.path}/{created[0].id}"
    response.headers["ETag"] = etag(created[0].version)
    return created[0]


@router.get("/{id}")
def get_relationship(
    id: Id,  # noqa: A002 - as the address says it
    response: Response,
    held: Held,
    _caller: Reader,
    as_of: AsOf = None,
) -> RelationshipOut:
    """One relationship."""
    with reading(held.engine) as session:
        if as_of is None:
            found = relationship_reads.get_relationship(session, id)
        else:
            found = relationship_at(session, id, as_of)
    response.headers["ETag"] = etag(found.version)
    return found


@router.get("/{id}/history", openapi_extra=list_parameters(None))
def get_relationship_history(
    id: Id,  # noqa: A002 - as the address says it
    request: Request,
    query: Query,
    held: Held,
    _caller: Reader,
) -> Listing[HistoryEntry]:
    """What happened to a relationship, the newest first: who, by which load, what."""
    with reading(held.engine) as session:
        found = relationship_history(session, id)
    return whole(request, query, HistoryEntry, found)


@router.patch("/{id}")
def update_relationship(
    id: Id,  # noqa: A002 - as the address says it
    body: RelationshipPatch,
    response: Response,
    held: Held,
    actor: Admin,
    if_version: IfVersion,
) -> RelationshipOut:
    """Change the fields that are sent; `min_up` is that of the whole group."""
    with transaction(held.engine) as session:
        changed = relationships.update_relationship(
            session,
            id,
            body,
            actor,
            if_version=if_version,
            revision_keep=held.settings.revision_keep,
        )
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.delete("/{id}", status_code=204)
def delete_relationship(
    id: Id,  # noqa: A002 - as the address says it
    held: Held,
    actor: Admin,
    if_version: IfVersion,
) -> None:
    """Delete a relationship; a source that still reports it brings it back with its next load."""
    with transaction(held.engine) as session:
        relationships.delete_relationship(
            session, id, actor, if_version=if_version, revision_keep=held.settings.revision_keep
        )
