"""CIs that look alike and are two all the same: decided by a person, remembered for good."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cmdb.decision_models import KeptApart
from cmdb.impact_schemas import CIName
from cmdb.inventory import stored_ci
from cmdb.merge_schemas import KeptApartOut
from cmdb.merged import refuse_merged
from cmdb.models import ConfigurationItem
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.listing import ListQuery, field_columns, list_page
from opsatlas.db.transaction import moment
from opsatlas.errors import ConflictError, InvalidInputError, NotFoundError

LIST_COLUMNS = field_columns(KeptApart)
"""What a list of these decisions can be filtered and ordered by."""

Pair = tuple[int, int]
"""Ids of two CIs, the lower first."""


class KeptApartError(ConflictError):
    """A person found these two to be two."""

    code = "kept_apart"


@dataclass(frozen=True, slots=True)
class KeptApartPage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[KeptApartOut]
    more: bool
    last_id: int | None


def pair_of(one: int, other: int) -> Pair:
    """Two CIs in the order in which a pair is kept."""
    return min(one, other), max(one, other)


def keep_apart(session: Session, one: int, other: int, actor: Actor) -> KeptApartOut:
    """Remember that two CIs are two: they are not proposed again. Said again, nothing changes.

    Raises NoSuchCIError, MergedError, InvalidInputError for a CI and itself.
    """
    revision.lock(session)
    if one == other:
        raise InvalidInputError("a CI and itself cannot be kept apart", hint="name two CIs")
    for ci_id in (one, other):
        refuse_merged(stored_ci(session, ci_id))
    row = _find(session, one, other)
    if row is None:
        row = _add(session, pair_of(one, other), actor)
        audit.record(session, actor, [Write("create", "kept_apart", row.id, None, _state(row))])
    return _out(session, [row])[0]


def forget(session: Session, decision_id: int, actor: Actor) -> None:
    """Take a decision back. Raises NotFoundError."""
    revision.lock(session)
    row = session.get(KeptApart, decision_id)
    if row is None:
        raise NotFoundError(
            f"there is no decision {decision_id}", hint="GET /duplicates/keep-apart lists them"
        )
    audit.record(session, actor, [Write("delete", "kept_apart", row.id, _state(row), None)])
    session.delete(row)
    session.flush()


def list_kept_apart(session: Session, query: ListQuery) -> KeptApartPage:
    """One page of the decisions, the newest first. Raises InvalidListQueryError."""
    page = list_page(session, KeptApart, LIST_COLUMNS, query, default_ordering=("-id",))
    last = page.rows[-1].id if page.rows else None
    return KeptApartPage(page.count, _out(session, page.rows), page.more, last)


def pairs_kept_apart(session: Session) -> set[Pair]:
    """All pairs that were decided on."""
    return {
        (row.one_id, row.other_id)
        for row in session.execute(select(KeptApart.one_id, KeptApart.other_id))
    }


def refuse_kept_apart(session: Session, one: int, other: int) -> None:
    """Raise KeptApartError where somebody decided that these are two."""
    row = _find(session, one, other)
    if row is not None:
        raise KeptApartError(
            f"{row.decided_by} decided that CI {one} and CI {other} are two",
            hint=f"take that back first: DELETE /duplicates/keep-apart/{row.id}",
        )


def inherit(session: Session, loser: int, winner: int, actor: Actor) -> list[int]:
    """Let what the loser is not, not be the winner either; returns the ids of new decisions."""
    rows = session.scalars(
        select(KeptApart)
        .where(or_(KeptApart.one_id == loser, KeptApart.other_id == loser))
        .order_by(KeptApart.id)
    ).all()
    added: list[int] = []
    for row in rows:
        other = row.other_id if row.one_id == loser else row.one_id
        if _find(session, winner, other) is None:
            added.append(_add(session, pair_of(winner, other), actor).id)
    return added


def _add(session: Session, pair: Pair, actor: Actor) -> KeptApart:
    row = KeptApart(
        one_id=pair[0], other_id=pair[1], decided_by=actor.name, decided_at=moment(session)
    )
    session.add(row)
    session.flush()
    return row


def _find(session: Session, one: int, other: int) -> KeptApart | None:
    low, high = pair_of(one, other)
    return session.scalar(
        select(KeptApart).where(KeptApart.one_id == low, KeptApart.other_id == high)
    )


def _state(row: KeptApart) -> dict[str, list[int]]:
    return {"cis": [row.one_id, row.other_id]}


def _out(session: Session, rows: Sequence[KeptApart]) -> list[KeptApartOut]:
    ids = {ci_id for row in rows for ci_id in (row.one_id, row.other_id)}
    found = session.execute(
        select(ConfigurationItem.id, ConfigurationItem.name, ConfigurationItem.ci_class).where(
            ConfigurationItem.id.in_(ids)
        )
    )
    names = {row.id: CIName(id=row.id, name=row.name, ci_class=row.ci_class) for row in found}
    return [
        KeptApartOut(
            id=row.id,
            cis=[names[row.one_id], names[row.other_id]],
            decided_by=row.decided_by,
            decided_at=row.decided_at,
        )
        for row in rows
    ]
