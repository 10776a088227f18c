"""What sources said of relationships, in undoing an import run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.models import ImportChange, RelationshipSource
from cmdb.relationship_words import FIELDS, Word

if TYPE_CHECKING:
    from cmdb.undo import Undoing

_CLAIMS = RelationshipSource.metadata.tables[RelationshipSource.__tablename__]


def restore_words(work: Undoing, entries: Sequence[tuple[str, dict[str, Any]]]) -> set[int]:
    """Bring back, field by field, what the source said; a later word stays. Returns the
    relationships."""
    earlier = _replaced_by_undone_runs(work) if entries and work.undone else {}
    found: set[int] = set()
    for key, entry in entries:
        relationship_id = work.successors.relationship(int(key))
        row = work.session.get(
            RelationshipSource, (relationship_id, entry["source"]), populate_existing=True
        )
        if row is None:
            work.conflict(f"relationship {key}", "it was taken away since")
            continue
        found.add(relationship_id)
        for name, old, new in zip(FIELDS, entry["before"], entry["after"], strict=True):
            if old == new:
                continue
            now = getattr(row, name)
            if now != new:
                what = f"{name} of relationship {relationship_id}"
                work.conflict(what, f"changed since to {now!r}")
                continue
            back = old
            for before, after in earlier.get((key, name), ()):
                back = before if back == after else back
            setattr(row, name, back)
            work.restored_values += 1
    work.session.flush()
    return found


def say_instead(session: Session, ids: Iterable[int], word: Word) -> None:
    """Let all sources that say anything of these relationships say `word`, as far as that does."""
    for some in chunks(ids):
        for name, value in word._asdict().items():
            if value is not None:
                column = _CLAIMS.c[name]
                saying = _CLAIMS.c.relationship_id.in_(some) & column.is_not(None)
                session.execute(update(_CLAIMS).where(saying).values({name: value}))
    session.expire_all()


def _replaced_by_undone_runs(work: Undoing) -> dict[tuple[str, str], list[tuple[Any, Any]]]:
    """What runs that were undone meanwhile had replaced, the latest first: it is not to come back
    what they brought, but what was before."""
    found: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    rows = work.session.execute(
        select(ImportChange.entity_key, ImportChange.before)
        .where(
            ImportChange.run_id.in_(work.undone),
            ImportChange.run_id < work.run.id,
            ImportChange.entity == "said",
        )
        .order_by(ImportChange.id.desc())
    )
    for key, entry in rows:
        if entry["source"] != work.run.source:
            continue
        for name, old, new in zip(FIELDS, entry["before"], entry["after"], strict=True):
            if old != new:
                found.setdefault((key, name), []).append((old, new))
    return found
