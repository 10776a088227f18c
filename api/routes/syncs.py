"""Sources that are pulled: when they are due, how their last runs went, and a run at once."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as QueryParameter
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from api.auth import Admin, Held, Reader
from api.ids import Id
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from api.syncs import queue_sync, run_sync
from cmdb.pulling import runs
from cmdb.pulling.models import SyncMode, SyncState
from cmdb.pulling.protocol import SourceRefusedError, SourceUnavailableError
from cmdb.pulling.sources import SyncSource, find_sync
from cmdb.schemas import ImportReport
from opsatlas.clock import now
from opsatlas.db.transaction import reading
from opsatlas.field_docs import field_docs

router = APIRouter(route_class=StrictRoute, prefix="/syncs", tags=["imports"])

Name = Annotated[str, Path(description="A source of `OPSATLAS_SYNC_SOURCES`")]


class SyncRunOut(BaseModel):
    """One reading of a source."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=field_docs)

    id: int
    source: str
    state: SyncState
    """`failed`: it was read, and its load refused. `interrupted`: it was not read to its end; the
    next run goes on from there."""
    mode: SyncMode
    dry_run: bool
    since: datetime | None
    """The moment from which on an incremental run reads changes."""
    pages: int
    records: int
    import_id: int | None
    """Its load, as at `/imports/{id}`; null where nothing had changed."""
    error: str | None
    actor: str
    created_at: datetime
    finished_at: datetime | None


class SyncRunWithReport(SyncRunOut):
    """One reading of a source, and what its load did."""

    report: ImportReport | None


class SyncOut(BaseModel):
    """A source that is pulled."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    name: str
    kind: str
    url: str
    schedule: str | None
    next_run_at: datetime | None
    """When it is due; null without a schedule."""
    last_run: SyncRunOut | None


@router.get("", openapi_extra=list_parameters(None))
def list_syncs(request: Request, query: Query, held: Held, _caller: Reader) -> Listing[SyncOut]:
    """The sources that are pulled, with their last and next runs."""
    with reading(held.engine) as session:
        found = [_out(session, each) for each in held.syncs.values()]
    return whole(request, query, SyncOut, found)


@router.get("/{name}")
def get_sync(name: Name, held: Held, _caller: Reader) -> SyncOut:
    """One source that is pulled."""
    with reading(held.engine) as session:
        return _out(session, find_sync(held.syncs, name))


@router.post("/{name}/run", status_code=202)
def run_now(
    name: Name,
    request: Request,
    response: Response,
    held: Held,
    actor: Admin,
    full: Annotated[bool, QueryParameter(description="Read everything, not only changes")] = False,
    dry_run: Annotated[bool, QueryParameter(description="Say what a load would change")] = False,
) -> SyncRunWithReport:
    """Pull a source now. `Location` will have the run; it is `queued` or `running` until then."""
    source = find_sync(held.syncs, name)
    is_local = held.local_actor is not None  # then no worker would take a job
    run = queue_sync(held.engine, source, actor, full=full, dry_run=dry_run, with_job=not is_local)
    if is_local:
        with suppress(SourceUnavailableError, SourceRefusedError):  # the run says it
            run_sync(held.engine, held.settings, source, run.id, actor, time.sleep)
    held.sync_worker.wake()
    response.headers["Location"] = f"{request.url.path.removesuffix('/run')}/runs/{run.id}"
    with reading(held.engine) as session:
        return SyncRunWithReport.model_validate(runs.get_run(session, name, run.id))


@router.get("/{name}/runs/{id}")
def get_sync_run(
    name: Name,
    id: Id,  # noqa: A002 - as the address says it
    held: Held,
    _caller: Reader,
) -> SyncRunWithReport:
    """One run, with the report of its load once it has ended."""
    with reading(held.engine) as session:
        return SyncRunWithReport.model_validate(runs.get_run(session, name, id))


def _out(session: Session, source: SyncSource) -> SyncOut:
    last = runs.last_run(session, source.name)
    return SyncOut(
        name=source.name,
        kind=source.kind,
        url=source.url,
        schedule=source.schedule or None,
        next_run_at=runs.next_run(session, source, now()),
        last_run=None if last is None else SyncRunOut.model_validate(last),
    )
