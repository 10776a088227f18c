"""Maintenance windows: when failures are expected, so that no event tells of them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.auth import Held, Reader, Responder
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing
from api.strict_route import StrictRoute
from cmdb.live_schemas import MaintenanceWindowIn, MaintenanceWindowOut
from cmdb.maintenance import LIST_COLUMNS, end_window, get_window, list_windows, plan_window
from opsatlas.clock import now
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/maintenance-windows", tags=["live state"])


@router.get("", openapi_extra=list_parameters(field_kinds(LIST_COLUMNS)))
def list_maintenance_windows(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[MaintenanceWindowOut]:
    """The maintenance windows, the one that starts last first."""
    with reading(held.engine) as session:
        page = list_windows(session, query, now())
    return listing(request, query, MaintenanceWindowOut, page)


@router.post("", status_code=201)
def plan_maintenance(
    body: MaintenanceWindowIn, request: Request, response: Response, held: Held, actor: Responder
) -> MaintenanceWindowOut:
    """Expect failures of these configuration items for a while: no event will tell of them."""
    with transaction(held.engine) as session:
        planned = plan_window(session, body, actor, revision_keep=held.settings.revision_keep)
    held.live.follow_write()
    response.headers["Location"] = f"{request.url.path}/{planned.id}"
    return planned


@router.get("/{id}")
def get_maintenance_window(id: Id, held: Held, _caller: Reader) -> MaintenanceWindowOut:  # noqa: A002 - as the address says it
    """One maintenance window."""
    with reading(held.engine) as session:
        return get_window(session, id, now())


@router.delete("/{id}", status_code=204)
def end_maintenance(id: Id, held: Held, actor: Responder) -> None:  # noqa: A002 - as the address says it
    """Take a maintenance window away, also one that runs."""
    with transaction(held.engine) as session:
        end_window(session, id, actor, revision_keep=held.settings.revision_keep)
    held.live.follow_write()
