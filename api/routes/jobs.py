"""The work that goes on behind the answers: large loads, encoding."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held
from api.ids import Id
from api.lists import Listing, Query, list_parameters, listing, shaped
from api.strict_route import StrictRoute
from opsatlas import jobs
from opsatlas.db.listing import field_kinds
from opsatlas.db.transaction import reading
from opsatlas.jobs import JobState

router = APIRouter(route_class=StrictRoute, prefix="/jobs", tags=["jobs"])


class JobOut(BaseModel):
    """A job; `error` is why its last try failed, `run_after` when the next one may begin."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: str
    state: JobState
    payload: dict[str, Any]
    attempts: int
    run_after: datetime
    worker: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@router.get("", openapi_extra=list_parameters(field_kinds(jobs.LIST_COLUMNS)))
def list_jobs(request: Request, query: Query, held: Held, _caller: Admin) -> Listing[JobOut]:
    """The jobs, the newest first."""
    with reading(held.engine) as session:
        page = shaped(jobs.list_jobs(session, query), JobOut)
    return listing(request, query, JobOut, page)


@router.get("/{id}")
def get_job(id: Id, held: Held, _caller: Admin) -> JobOut:  # noqa: A002 - as the address says it
    """One job."""
    with reading(held.engine) as session:
        return JobOut.model_validate(jobs.get_job(session, id))
