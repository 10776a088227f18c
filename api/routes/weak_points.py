"""Where services are weak: before anything fails."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import Held, Reader
from api.cmdb_health import rules_of
from api.strict_route import StrictRoute
from cmdb.references import Name
from kb.weak_point_schemas import WeakPointKind, WeakPointsAnswer
from kb.weak_points import WeakPointsQuestion
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["impact"])


@router.get("/weak-points")
def get_weak_points(
    held: Held,
    caller: Reader,
    kind: Annotated[
        list[WeakPointKind], Query(description="Only these kinds; left out, all of them")
    ] = [],  # noqa: B006 - as FastAPI takes defaults
    service: Annotated[
        Name | None, Query(description="Only what takes this service down, or any CI, by name")
    ] = None,
    limit: Annotated[int, Query(ge=0, le=1000, description="Of each list")] = 20,
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="Into each list")] = 0,
) -> WeakPointsAnswer:
    """Single points of failure, groups that are no redundancy, circles, and services on nothing."""
    question = WeakPointsQuestion(frozenset(kind or WeakPointKind), service, limit, offset)
    foundation = rules_of(held.settings).foundation
    with reading(held.engine) as session:
        return held.weak_points.answer(
            session, question, foundation.on if foundation else (), caller.groups
        )
