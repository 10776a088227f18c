"""Configuration items: what we have."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from api.as_of import AsOf, without
from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, list_parameters, listing, whole
from api.lists import Query as ListParameters
from api.one_or_many import OneOrMany
from api.preconditions import IfVersion, etag
from api.strict_route import StrictRoute
from cmdb import inventory, items
from cmdb.as_of import ci_at, neighbours_at
from cmdb.history import history
from cmdb.manual import release
from cmdb.moments import checked
from cmdb.past_lists import list_cis_at
from cmdb.provenance import provenance
from cmdb.relationship_reads import neighbours
from cmdb.schemas import CIIn, CIOut, CIPatch, HistoryEntry, Neighbours
from cmdb.source_schemas import Provenance
from kb.inventory import add_cis
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/cis", tags=["configuration items"])


class ReleaseIn(BaseModel):
    """Fields, or `attributes.NAME`."""

    model_config = ConfigDict(extra="forbid")

    fields: list[str] = []


@router.get("", openapi_extra=list_parameters(inventory.list_ci_kinds()))
def list_cis(
    request: Request, query: ListParameters, held: Held, _caller: Reader, as_of: AsOf = None
) -> Listing[CIOut]:
    """The configuration items, by id; retired ones too."""
    with reading(held.engine) as session:
        if as_of is None:
            page = inventory.list_cis(session, query)
        else:
            query = without(query, "as_of")
            page = list_cis_at(session, held.graphs.moments.get(session, checked(as_of)), query)
    return listing(request, query, CIOut, page)


@router.post("", status_code=201)
def create_cis(
    body: OneOrMany[CIIn], request: Request, response: Response, held: Held, actor: Admin
) -> CIOut | list[CIOut]:
    """Add a configuration item, or a list of them: all or none."""
    single = not isinstance(body, list)
    with transaction(held.engine) as session:
        created = add_cis(
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
def get_ci(
    id: Id,  # noqa: A002 - as the address says it
    response: Response,
    held: Held,
    _caller: Reader,
    as_of: AsOf = None,
) -> CIOut:
    """One configuration item."""
    with reading(held.engine) as session:
        found = inventory.get_ci(session, id) if as_of is None else ci_at(session, id, as_of)
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/{id}")
def update_ci(
    id: Id,  # noqa: A002 - as the address says it
    body: CIPatch,
    response: Response,
    held: Held,
    actor: Admin,
    if_version: IfVersion,
) -> CIOut:
    """Change the fields that are sent; null empties a field."""
    with transaction(held.engine) as session:
        changed = items.update_ci(
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
def retire_ci(id: Id, held: Held, actor: Admin, if_version: IfVersion) -> None:  # noqa: A002 - as the address says it
    """Retire a configuration item: it leaves the graph and stays for history."""
    with transaction(held.engine) as session:
        items.retire_ci(
            session, id, actor, if_version=if_version, revision_keep=held.settings.revision_keep
        )


@router.get("/{id}/neighbours")
def get_neighbours(
    id: Id,  # noqa: A002 - as the address says it
    held: Held,
    _caller: Reader,
    hops: Annotated[int, Query(ge=0, le=10)] = 1,
    limit: Annotated[int, Query(ge=1, le=5_000, description="Most CIs to list")] = 500,
    as_of: AsOf = None,
) -> Neighbours:
    """What a configuration item stands on and what stands on it, some relationships away."""
    with reading(held.engine) as session:
        if as_of is None:
            return neighbours(session, id, hops=hops, limit=limit)
        moment = held.graphs.moments.get(session, checked(as_of))
        return neighbours_at(session, moment, id, hops=hops, limit=limit)


@router.get("/{id}/provenance", openapi_extra=list_parameters(None))
def get_provenance(
    id: Id,  # noqa: A002 - as the address says it
    request: Request,
    query: ListParameters,
    held: Held,
    _caller: Reader,
) -> Listing[Provenance]:
    """Where each value comes from: source, import run, time; and what other sources say."""
    with reading(held.engine) as session:
        found = provenance(session, id)
    return whole(request, query, Provenance, found)


@router.post("/{id}/release")
def release_values(id: Id, body: ReleaseIn, held: Held, actor: Admin) -> CIOut:  # noqa: A002 - as the address says it
    """Give values that people wrote back to the sources; no fields: all of them."""
    keep = held.settings.revision_keep
    with transaction(held.engine) as session:
        release(session, id, body.fields, actor, revision_keep=keep)
        return inventory.get_ci(session, id)


@router.get("/{id}/history", openapi_extra=list_parameters(None))
def get_history(
    id: Id,  # noqa: A002 - as the address says it
    request: Request,
    query: ListParameters,
    held: Held,
    _caller: Reader,
    relationships: Annotated[
        bool, Query(description="Also what happened to its relationships")
    ] = False,
) -> Listing[HistoryEntry]:
    """What happened to a configuration item, the newest first: who, by which load, what."""
    with reading(held.engine) as session:
        found = history(session, id, relationships=relationships)
    query = without(query, "relationships")
    return whole(request, query, HistoryEntry, found)
