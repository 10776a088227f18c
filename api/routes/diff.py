"""What differs between two moments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import Held, Reader
from api.ids import LARGEST
from api.strict_route import StrictRoute
from cmdb.diff_answer import diff_ci, diff_service
from cmdb.diff_schemas import Diff
from cmdb.references import IdReference, Name
from opsatlas.clock import now
from opsatlas.db.transaction import reading
from opsatlas.errors import ErrorItem, InvalidInputError

router = APIRouter(route_class=StrictRoute, tags=["history"])

_Id = Annotated[int | None, Query(ge=1, le=LARGEST)]


class OneSubjectError(InvalidInputError):
    """A diff is of one CI or of one service."""

    code = "one_subject"


@router.get("/diff")
def get_diff(
    held: Held,
    _caller: Reader,
    from_: Annotated[datetime, Query(alias="from", description="The earlier moment, RFC 3339")],
    to: Annotated[datetime | None, Query(description="The later moment; left out: now")] = None,
    ci: Annotated[Name | None, Query(description="Name of a CI")] = None,
    service: Annotated[Name | None, Query(description="Name of a service")] = None,
    ci_id: _Id = None,
    service_id: _Id = None,
) -> Diff:
    """What differs between two moments for a CI, or for everything that a service stands on."""
    subjects = {"ci": ci, "service": service, "ci_id": ci_id, "service_id": service_id}
    said = {name: value for name, value in subjects.items() if value is not None}
    if len(said) != 1:
        message = "say one of ci, service, ci_id and service_id"
        items = [ErrorItem(f"/query/{name}", message) for name in said or ("ci",)]
        raise OneSubjectError(message, errors=items)
    ((name, value),) = said.items()
    reference = IdReference(id=value) if isinstance(value, int) else value
    compare = diff_service if name.startswith("service") else diff_ci
    with reading(held.engine) as session:
        return compare(session, held.graphs, reference, from_, to or now())
