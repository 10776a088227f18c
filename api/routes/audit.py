"""Who wrote what, before and after, when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing, shaped
from api.strict_route import StrictRoute
from opsatlas import audit
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading
from opsatlas.field_docs import field_docs

router = APIRouter(route_class=StrictRoute, prefix="/audit", tags=["audit"])


class AuditEntryOut(BaseModel):
    """One write. Of an update `before` and `after` hold the fields that differ."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=field_docs)

    id: int
    at: datetime
    actor: str
    role: str
    request_id: str | None
    action: str
    entity: str
    """The kind of record: `ci`, `relationship`, `incident`, `api_key`, …"""
    entity_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@router.get("", openapi_extra=list_parameters(field_kinds(audit.LIST_COLUMNS)))
def list_audit(
    request: Request, query: Query, held: Held, _caller: Admin
) -> Listing[AuditEntryOut]:
    """The audit trail, the newest entries first."""
    with reading(held.engine) as session:
        page = shaped(audit.list_entries(session, query), AuditEntryOut)
    return listing(request, query, AuditEntryOut, page)


@router.get("/{id}")
def get_audit_entry(id: Id, held: Held, _caller: Admin) -> AuditEntryOut:  # noqa: A002 - as the address says it
    """One entry of the audit trail."""
    with reading(held.engine) as session:
        return AuditEntryOut.model_validate(audit.get_entry(session, id))
