"""Services with the state that they are in right now."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.auth import Held, Reader
from api.lists import Listing, Query, list_parameters, listing
from api.strict_route import StrictRoute
from cmdb.live_schemas import LiveService
from cmdb.live_services import FILTERS, list_services
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/services", tags=["live state"])

_PARAMETERS = list_parameters(None)["parameters"] + [
    each for each in list_parameters(FILTERS)["parameters"] if each["name"] in FILTERS
]


@router.get("", openapi_extra={"parameters": _PARAMETERS})
def list_live_services(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[LiveService]:
    """The services with their current states, the worst first, and why. `state` and `muted` are
    filters."""
    with reading(held.engine) as session:
        page = list_services(session, held.graphs, held.live.current(session), query)
    return listing(request, query, LiveService, page)
