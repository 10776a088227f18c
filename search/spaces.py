"""Vector spaces: which one answers come from, which is being filled, and when one takes over.

Each running process that has a model says which space its settings choose, again and again (a
wish). One space serves. Another takes its place once all wishes are for it and every passage has
its vector in it: so processes with different settings never take turns, and the same rule leads
back (docs/decisions/0015-vector-spaces.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, distinct, func, select
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.clock import now
from opsatlas.db.transaction import transaction
from search.encoding import count_missing, is_whole
from search.models import SearchPassage, SearchVector, SearchWords
from search.space_models import SpaceState, SpaceWish, VectorSpace

SPACE_CHANGED = "vector_space"
"""Kind under which the change table names the space that serves from then on."""

_PRUNED_AT_A_TIME = 5_000
"""Vectors that one unit of work drops: others write in between."""


@dataclass(frozen=True, slots=True)
class Space:
    """The space of one model's vectors, and how that model is loaded (`ModelChoice.recipe`)."""

    model_id: str
    dimensions: int
    recipe: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class SpaceReport:
    """How a space stands."""

    model_id: str
    dimensions: int
    state: SpaceState
    since: datetime
    encoded: int
    """Distinct passages with a vector in it."""
    wanted_by: list[str]
    """The processes whose settings choose it."""


def served(session: Session) -> Space | None:
    """The space that answers come from; None before any process with a model was started."""
    found = _serving(session)
    return None if found is None else _space(found)


def declare(session: Session, process: str, space: Space) -> None:
    """Say that `process` wants `space`, at its start and again and again while it runs.

    Who does not is taken for gone (`settle`). The first space that anyone wants serves at once.
    """
    revision.lock(session)
    row = session.scalar(select(VectorSpace).where(VectorSpace.model_id == space.model_id))
    if row is None:
        row = VectorSpace(model_id=space.model_id, state=SpaceState.FILLING, since=now())
        session.add(row)
    row.dimensions, row.recipe = space.dimensions, space.recipe
    session.merge(SpaceWish(process=process, model_id=space.model_id, renewed_at=now()))
    if _serving(session) is None:
        _serve(session, row)


def withdraw(session: Session, process: str) -> None:
    """Say that `process` ends."""
    session.execute(delete(SpaceWish).where(SpaceWish.process == process))


def settle(session: Session, lease: float) -> Space | None:
    """Bring the states in line with the wishes; the space that serves from now on, if it changes.

    A wish counts for `lease` seconds. Where the space that serves has no vector at all, nothing is
    lost by going over before the other one is whole.
    """
    revision.lock(session)
    moment = now()
    session.execute(
        delete(SpaceWish).where(SpaceWish.renewed_at < moment - timedelta(seconds=lease))
    )
    wanted = set(session.scalars(select(SpaceWish.model_id).distinct()))
    rows = list(session.scalars(select(VectorSpace)))
    for row in rows:
        state = SpaceState.FILLING if row.model_id in wanted else SpaceState.RETIRED
        if row.state not in (SpaceState.SERVING, state):
            row.state, row.since = state, moment
    before = next((row for row in rows if row.state == SpaceState.SERVING), None)
    after = next((row for row in rows if {row.model_id} == wanted), None)
    if after is None or after is before:
        return None
    if before is not None and not (
        is_whole(session, after.model_id) or _is_empty(session, before.model_id)
    ):
        return None
    if before is not None:
        before.state, before.since = SpaceState.RETIRED, moment
        session.flush()  # before the other one serves: at most one does
    _serve(session, after)
    return _space(after)


def prune_retired(
    engine: Engine, grace: float, *, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Drop the vectors of spaces that nobody has wanted for `grace` seconds; returns how many."""
    dropped = 0
    while not should_stop():
        with transaction(engine) as session:
            revision.lock(session)
            gone = session.scalar(
                select(VectorSpace)
                .where(
                    VectorSpace.state == SpaceState.RETIRED,
                    VectorSpace.since < now() - timedelta(seconds=grace),
                )
                .limit(1)
            )
            if gone is None:
                break
            of_it = SearchVector.model_id == gone.model_id
            hashes = list(
                session.scalars(
                    select(SearchVector.content_hash).where(of_it).limit(_PRUNED_AT_A_TIME)
                )
            )
            if hashes:
                named = SearchVector.content_hash.in_(hashes)
                session.execute(delete(SearchVector).where(of_it, named))
                session.execute(
                    delete(SearchWords).where(
                        SearchWords.model_id == gone.model_id, SearchWords.content_hash.in_(hashes)
                    )
                )
            else:
                session.delete(gone)
            dropped += len(hashes)
    return dropped


def count_passages(session: Session) -> int:
    """How many distinct passages there are: what a whole space has vectors of."""
    return session.scalar(select(func.count(distinct(SearchPassage.content_hash)))) or 0


def reports(session: Session) -> list[SpaceReport]:
    """Every space that is kept: the one that serves, those being filled, the retired ones."""
    passages = count_passages(session)
    order = list(SpaceState)
    wishes = session.execute(
        select(SpaceWish.model_id, SpaceWish.process).order_by(SpaceWish.process)
    ).all()
    found = [
        SpaceReport(
            row.model_id,
            row.dimensions,
            SpaceState(row.state),
            row.since,
            passages - count_missing(session, row.model_id),
            [wish.process for wish in wishes if wish.model_id == row.model_id],
        )
        for row in session.scalars(select(VectorSpace))
    ]
    return sorted(found, key=lambda each: (order.index(each.state), each.model_id))


def _serving(session: Session) -> VectorSpace | None:
    return session.scalar(select(VectorSpace).where(VectorSpace.state == SpaceState.SERVING))


def _serve(session: Session, row: VectorSpace) -> None:
    row.state, row.since = SpaceState.SERVING, now()
    session.flush()
    revision.note(session, SPACE_CHANGED, [row.id])


def _is_empty(session: Session, model_id: str) -> bool:
    of_it = select(SearchVector.content_hash).where(SearchVector.model_id == model_id)
    return session.scalar(of_it.limit(1)) is None


def _space(row: VectorSpace) -> Space:
    return Space(row.model_id, row.dimensions, row.recipe)
