"""Which model's vectors answers come from, and how far a change to another model is."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import Held, Reader
from api.strict_route import StrictRoute
from opsatlas.db.transaction import reading
from search import spaces
from search.space_models import SpaceState
from search.spaces import SpaceReport

router = APIRouter(route_class=StrictRoute, tags=["suggestions"])


class SpaceOut(BaseModel):
    """The vectors of one model; `state` is `serving`, `filling` (it serves once it is whole and all
    processes want it) or `retired`."""

    model_id: str
    state: SpaceState
    dimensions: int
    since: datetime
    encoded: int
    """Distinct passages that have their vector."""
    share: float
    """The same as a share of all, 0 to 1."""
    wanted_by: int
    """Running processes whose settings choose this model."""
    kept_until: datetime | None
    """When its vectors are dropped unless a process wants them by then; null: they are wanted."""


class Embedding(BaseModel):
    """`spaces` has the serving one first; it is empty before a server with a model was started."""

    passages: int
    """Distinct passages of all documents."""
    spaces: list[SpaceOut]


@router.get("/embedding")
def get_embedding(held: Held, _caller: Reader) -> Embedding:
    """The model that suggestions compare meaning by, and how far a change to another one is."""
    with reading(held.engine) as session:
        passages = spaces.count_passages(session)
        found = spaces.reports(session)
    grace = timedelta(seconds=held.settings.embedding_grace)
    return Embedding(passages=passages, spaces=[_shown(each, passages, grace) for each in found])


def _shown(space: SpaceReport, passages: int, grace: timedelta) -> SpaceOut:
    return SpaceOut(
        model_id=space.model_id,
        state=space.state,
        dimensions=space.dimensions,
        since=space.since,
        encoded=space.encoded,
        share=round(space.encoded / passages, 3) if passages else 1.0,
        wanted_by=len(space.wanted_by),
        kept_until=space.since + grace if space.state is SpaceState.RETIRED else None,
    )
