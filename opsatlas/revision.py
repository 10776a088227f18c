"""The revision sequence and its change table: how every cache stays in step with SQL.

Each unit of work that a cache must hear of takes the next number and leaves rows that say what
changed. The counter is one row: whoever takes a number holds its lock until the commit, so numbers
become visible in their order and a reader that has seen 7 can never miss a 6 that comes later.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import CheckConstraint, Index, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from opsatlas.db.model import BigId, Model
from opsatlas.db.transaction import READING
from opsatlas.errors import UnavailableError

BULK_THRESHOLD = 1_000
"""Changes of one kind in one unit of work above which one row says "many" instead of naming each:
a cache rebuilds then, which is quicker than so many deltas, and the change table stays small."""

NAMED_IN_A_LOAD = 100_000
"""The same for writes of the inventory and of what is searched: the graph in memory takes in so
many at once, a search index in pieces."""

_CROWDED_KEPT = 8
"""Revisions with more than `BULK_THRESHOLD` names that keep them; whoever has not asked for that
long is told "many"."""
_MANY = 0  # no record has the id 0
_PRUNE_EVERY = 256
_NEWEST = "newest_revision"


class RevisionCounter(Model):
    """The one row that holds the newest revision, and the one up to which changes were dropped."""

    __tablename__ = "revision_counter"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    newest: Mapped[int] = mapped_column(BigId)
    dropped_up_to: Mapped[int] = mapped_column(BigId)


class RevisionChange(Model):
    """One record that a revision changed; `entity_id` 0 stands for many of that kind."""

    __tablename__ = "revision_change"
    __table_args__ = (Index("ix_revision_change_revision", "revision"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    revision: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str]
    entity_id: Mapped[int] = mapped_column(BigId)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What changed: ids by kind, up to and including `revision`."""

    revision: int
    ids: dict[str, set[int]]


def note(
    session: Session,
    kind: str,
    ids: Iterable[int],
    *,
    keep: int = 100_000,
    most: int = BULK_THRESHOLD,
) -> int:
    """Record that the records `ids` of `kind` changed; returns the revision of this change.

    `keep` is how many revisions stay readable (the setting `revision_keep`). Up to `most` records
    are named; more than that only count as many.
    """
    changed = sorted(set(ids))
    if not changed:
        return newest(session)
    revision = session.execute(
        update(RevisionCounter)
        .values(newest=RevisionCounter.newest + 1)
        .returning(RevisionCounter.newest)
    ).scalar_one_or_none()
    if revision is None:
        raise _not_set_up()
    if len(changed) > most:
        changed = [_MANY]
    session.execute(
        insert(RevisionChange),
        [{"revision": revision, "kind": kind, "entity_id": entity_id} for entity_id in changed],
    )
    if len(changed) > BULK_THRESHOLD:
        _thin_out(session)
    if revision % _PRUNE_EVERY == 0 and revision > keep:
        session.execute(delete(RevisionChange).where(RevisionChange.revision <= revision - keep))
        session.execute(update(RevisionCounter).values(dropped_up_to=revision - keep))
    return revision


def _thin_out(session: Session) -> None:
    """Put one row that says "many" in the place of the names of older large changes."""
    crowded = (
        select(RevisionChange.revision, RevisionChange.kind)
        .group_by(RevisionChange.revision, RevisionChange.kind)
        .having(func.count() > BULK_THRESHOLD)
        .order_by(RevisionChange.revision.desc(), RevisionChange.kind)
        .offset(_CROWDED_KEPT)
    )
    for revision, kind in session.execute(crowded).all():
        session.execute(
            delete(RevisionChange).where(
                RevisionChange.revision == revision, RevisionChange.kind == kind
            )
        )
        row = {"revision": revision, "kind": kind, "entity_id": _MANY}
        session.execute(insert(RevisionChange), [row])


def lock(session: Session) -> None:
    """Wait until no other unit of work is writing, and keep the others waiting until the end.

    SQLite does so at BEGIN; PostgreSQL by the counter's row.
    """
    session.execute(select(RevisionCounter.newest).with_for_update())


def newest(session: Session) -> int:
    """The newest committed revision (and this unit of work's own).

    Asked of the database once in a session that only reads, which sees no other.
    """
    known: int | None = session.info.get(_NEWEST)
    if known is not None:
        return known
    found = session.execute(select(RevisionCounter.newest)).scalar_one_or_none()
    if found is None:
        raise _not_set_up()
    if session.info.get(READING):
        session.info[_NEWEST] = found
    return found


def changed_since(session: Session, revision: int, kinds: Collection[str]) -> ChangeSet | None:
    """What changed after `revision`; None where a cache must be rebuilt to know.

    None means that the change table no longer reaches back that far, that `revision` is newer than
    the database (a restored backup), or that one of `kinds` changed in bulk.
    """
    row = session.execute(
        select(RevisionCounter.newest, RevisionCounter.dropped_up_to)
    ).one_or_none()
    if row is None:
        raise _not_set_up()
    if revision < row.dropped_up_to or revision > row.newest:
        return None
    ids: dict[str, set[int]] = {kind: set() for kind in kinds}
    if revision < row.newest:
        rows = session.execute(
            select(RevisionChange.kind, RevisionChange.entity_id)
            .where(RevisionChange.revision > revision, RevisionChange.kind.in_(list(kinds)))
            .distinct()
        )
        for kind, entity_id in rows:
            if entity_id == _MANY:
                return None
            ids[kind].add(entity_id)
    return ChangeSet(row.newest, ids)


def changed_only(session: Session, revision: int, kinds: Collection[str]) -> bool:
    """Whether nothing but records of `kinds` changed after `revision`; False where that is not
    known."""
    row = session.execute(select(RevisionCounter.newest, RevisionCounter.dropped_up_to)).one()
    if not row.dropped_up_to <= revision <= row.newest:
        return False
    other = RevisionChange.revision > revision, RevisionChange.kind.not_in(list(kinds))
    return session.scalar(select(RevisionChange.id).where(*other).limit(1)) is None


def _not_set_up() -> UnavailableError:
    return UnavailableError("the database is not set up", hint="run `opsatlas db upgrade`")
