"""How healthy the inventory is: complete, correct, by the rules. `/healthz` is of the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.auth import Admin, Held, Reader
from api.cmdb_health import health_report, record_now, rules_of
from api.lists import Listing, listing, whole
from api.services import Services
from api.strict_route import StrictRoute
from cmdb.health import Examination, Scope
from cmdb.health_checks import Finding, HealthSeverity
from cmdb.health_csv import findings_csv, report_csv
from cmdb.health_report import all_findings, find, findings_page
from cmdb.health_schemas import FindingOut, HealthReport, TrendPoint
from cmdb.health_trend import trend
from opsatlas.clock import now
from opsatlas.db.listing import ListQuery
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, prefix="/cmdb-health", tags=["cmdb health"])

_CSV = "text/csv"
Names = list[Annotated[str, Query(max_length=1024)]]
Classes = Annotated[Names, Query(description="CIs of these classes")]
Sources = Annotated[Names, Query(description="CIs that one of these sources reports")]
Owners = Annotated[Names, Query(description="CIs of these owners; empty: without an owner")]
Format = Annotated[
    Literal["json", "csv"] | None, Query(description="Left out, what `Accept` asks for")
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {_CSV: {"schema": {"type": "string"}}}}
}


@router.get("", response_model=HealthReport, responses=_ANSWERS)
def get_report(
    request: Request,
    held: Held,
    _caller: Reader,
    ci_class: Classes = [],  # noqa: B006 - as FastAPI takes defaults
    source: Sources = [],  # noqa: B006
    owner: Owners = [],  # noqa: B006
    format: Format = None,  # noqa: A002
) -> HealthReport | Response:
    """The scores of the inventory and its parts, and what each check found."""
    scope = Scope(tuple(ci_class), tuple(source), tuple(owner))
    found = health_report(held.engine, held.settings, held.health, scope)
    return _csv(report_csv(found), "health") if _wants_csv(request, format) else found


@router.get("/findings", response_model=Listing[FindingOut], responses=_ANSWERS)
def list_findings(
    request: Request,
    held: Held,
    _caller: Reader,
    check: Annotated[Names, Query(description="These checks; an admin's are `rule:NAME`")] = [],  # noqa: B006
    severity: Annotated[list[HealthSeverity], Query()] = [],  # noqa: B006
    ci_class: Classes = [],  # noqa: B006
    source: Sources = [],  # noqa: B006
    owner: Owners = [],  # noqa: B006
    format: Format = None,  # noqa: A002
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Listing[FindingOut] | Response:
    """What is wrong with which configuration item, errors first; as CSV all of it."""
    scope = Scope(tuple(ci_class), tuple(source), tuple(owner))
    rules = rules_of(held.settings)
    limit = min(limit, held.settings.max_page_limit)
    with reading(held.engine) as session:
        examination = held.health.examined(session, rules, now())
        found = find(examination, scope, check, severity)
        if _wants_csv(request, format):
            return _csv(_lines(held, examination, found), "health-findings")
        page = findings_page(session, examination, found, offset, limit)
    return listing(request, ListQuery(limit=limit, offset=offset), FindingOut, page)


@router.get("/trend")
def get_trend(
    request: Request,
    held: Held,
    _caller: Reader,
    ci_class: Classes = [],  # noqa: B006
    source: Sources = [],  # noqa: B006
    owner: Owners = [],  # noqa: B006
    days: Annotated[int, Query(ge=1, le=800, description="How far back")] = 90,
) -> Listing[TrendPoint]:
    """What was recorded day by day, of the whole or of one class, source or owner."""
    scope = Scope(tuple(ci_class), tuple(source), tuple(owner))
    with reading(held.engine) as session:
        found = trend(session, scope, now() - timedelta(days=days))
    return whole(request, ListQuery(limit=len(found) or 1), TrendPoint, found)


@router.post("/record")
def record_health(held: Held, actor: Admin) -> HealthReport:
    """Keep today's numbers for the trend, in place of what was kept of today before."""
    rules = rules_of(held.settings)
    with reading(held.engine) as session:
        examination = held.health.examined(session, rules, now())
    record_now(held.engine, examination, actor)
    return health_report(held.engine, held.settings, held.health, Scope())


def _wants_csv(request: Request, format: str | None) -> bool:  # noqa: A002
    accepted = request.headers.get("accept", "")
    return format == "csv" or (format is None and accepted.partition(";")[0].strip() == _CSV)


def _csv(lines: Iterable[str], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(iter(lines), media_type=_CSV, headers=headers)


def _lines(held: Services, examination: Examination, found: list[Finding]) -> Iterator[str]:
    with reading(held.engine) as session:
        yield from findings_csv(all_findings(session, examination, found))
