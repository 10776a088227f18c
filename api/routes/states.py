"""Reported states of configuration items: what monitoring and people see right now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from api import examples
from api.as_of import without
from api.auth import Held, Reader, Responder
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing
from api.one_or_many import OneOrMany
from api.strict_route import StrictRoute
from cmdb import live_reports
from cmdb.live_reports import LIST_COLUMNS
from cmdb.live_schemas import StateOut, StateReceipt, StateReport
from opsatlas.clock import now
from opsatlas.db.listing import FieldKind, ListQuery, field_kinds, truth
from opsatlas.db.transaction import reading, transaction

router = APIRouter(route_class=StrictRoute, prefix="/states", tags=["live state"])

_KINDS: dict[str, FieldKind] = {**field_kinds(LIST_COLUMNS), "expired": "boolean"}


@router.get("", openapi_extra=list_parameters(_KINDS))
def list_states(request: Request, query: Query, held: Held, _caller: Reader) -> Listing[StateOut]:
    """What is reported of configuration items, the newest first."""
    with reading(held.engine) as session:
        page = live_reports.list_states(session, without(query, "expired"), now(), _expired(query))
    return listing(request, query, StateOut, page)


@router.post("")
def report_states(
    body: Annotated[OneOrMany[StateReport], Body(openapi_examples=examples.STATE_REPORTS)],
    held: Held,
    actor: Responder,
) -> StateReceipt | list[StateReceipt]:
    """Report that a configuration item is down, degraded or up again, or a list: all or none."""
    many = isinstance(body, list)
    with transaction(held.engine) as session:
        receipts = live_reports.report(
            session,
            body if isinstance(body, list) else [body],
            actor,
            single=not many,
            most=held.settings.state_max_reports,
            revision_keep=held.settings.revision_keep,
        )
    held.live.follow_write()
    return receipts if many else receipts[0]


@router.delete("/{id}", status_code=204)
def clear_state(id: Id, held: Held, actor: Responder) -> None:  # noqa: A002 - as the address says it
    """Forget what a source reported of a configuration item."""
    with transaction(held.engine) as session:
        live_reports.clear(session, id, actor, revision_keep=held.settings.revision_keep)
    held.live.follow_write()


def _expired(query: ListQuery) -> bool | None:
    given = dict(query.filters).get("expired")
    return None if given is None else truth("expired", given[-1])
