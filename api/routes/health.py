"""Whether the process lives, can answer, and what it is: the only routes without a key."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import Held
from api.services import ModelState, Services
from api.strict_route import StrictRoute
from opsatlas import __version__, jobs, revision
from opsatlas.db import migrate
from opsatlas.db.transaction import reading
from opsatlas.errors import OpsAtlasError
from opsatlas.logs import log
from search import spaces

router = APIRouter(route_class=StrictRoute, tags=["health"])


class Health(BaseModel):
    status: Literal["ok"]


class Readiness(BaseModel):
    """`status` is `ready` once impact and lexical suggestions can be answered."""

    status: Literal["ready", "unavailable"]
    database: str
    model: ModelState
    """The embedding model; while it is not ready, suggestions are lexical and say so."""
    model_error: str | None = None
    next_model: ModelState | None = None
    """The model that the settings choose, while another one serves until all is encoded anew; null
    where that is the one that serves."""
    next_model_error: str | None = None
    jobs: dict[str, int] = {}
    """Background jobs by state."""


class Version(BaseModel):
    version: str
    schema_revision: str
    revision: int | None
    """Newest revision of the data; null where the database cannot be reached."""


@router.get("/healthz")
def healthz() -> Health:
    """The process lives."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness}})
def readyz(held: Held, response: Response) -> Readiness:
    """The process can answer questions; 503 while it cannot."""
    found = _models(held)
    try:
        migrate.require_newest(held.engine)
        with reading(held.engine) as session:
            counts = jobs.counts(session)
            held.models.see(spaces.served(session))
        found = _models(held)
    except Exception as error:
        response.status_code = 503
        # Whoever asks has shown no key, and is not told where the database is or whose it is.
        told = str(error) if isinstance(error, OpsAtlasError) else "it cannot be reached"
        log.warning("not_ready", exc_info=error)
        return Readiness(status="unavailable", database=told, **found)
    return Readiness(status="ready", database="ok", **found, jobs=counts)


def _models(held: Services) -> dict[str, Any]:
    model, model_error = held.model_state()
    following, following_error = held.next_model_state()
    return {
        "model": model,
        "model_error": model_error,
        "next_model": following,
        "next_model_error": following_error,
    }


@router.get("/version")
def version(held: Held) -> Version:
    """Which program, at which schema, with data up to which revision."""
    try:
        with reading(held.engine) as session:
            newest = revision.newest(session)
    except Exception:
        newest = None
    return Version(version=__version__, schema_revision=migrate.newest_schema(), revision=newest)
