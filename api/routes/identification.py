"""By what CIs of each class are recognised."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from cmdb.identification import identification, inherited, ruling_class
from cmdb.precedence import class_parents
from opsatlas.db.transaction import reading
from opsatlas.field_docs import field_docs

router = APIRouter(route_class=StrictRoute, prefix="/identification", tags=["imports"])


class IdentificationOut(BaseModel):
    """By what CIs of one class are recognised."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    ci_class: str
    steps: list[list[str]]
    """Kinds of identifiers, the surest first; those of one step are equally sure. The first step
    that fits any CI decides."""
    rule_of: str
    """The class whose rule it is: itself, one above it, or `*`."""


@router.get("", openapi_extra=list_parameters(None))
def list_identification(
    request: Request, query: Query, held: Held, _caller: Reader
) -> Listing[IdentificationOut]:
    """By what CIs of each class are recognised, as the next load goes by it."""
    own = held.settings.identification_rules
    rules = identification(Path(own) if own else None)
    with reading(held.engine) as session:
        parents = class_parents(session)
    found = [
        IdentificationOut(
            ci_class=name,
            steps=[list(step) for step in steps],
            rule_of=ruling_class(rules, name, parents),
        )
        for name, steps in inherited(rules, parents).items()
    ]
    return whole(request, query, IdentificationOut, found)
