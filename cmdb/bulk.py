"""What the steps of carrying out a plan share: the load that they belong to, rows in bulk."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.orm import Session

from opsatlas import audit
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.ids import take_ids
from opsatlas.db.rows import insert_rows

IMPORT_RUN = "import_run"
"""Key in an audit entry's `after` that names the import run; no field of a record is called so."""

_CHUNK = 5_000
"""Rows that are made ready at a time, so that a large load needs little memory beside its plan."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What every step of one load shares."""

    session: Session
    source: str
    actor: Actor
    run_id: int | None
    """None where nothing was loaded: a decision, a release, an undoing."""
    at: datetime
    wrote: Callable[[int], None] = lambda _rows: None
    """Told how many more records are written, with their audit entries."""

    def audit(self, action: str, entity: str, changes: Iterable[tuple[int, Any, Any]]) -> None:
        """Record (id, before, after) of many records."""
        run = {} if self.run_id is None else {IMPORT_RUN: self.run_id}
        writes = (
            Write(action, entity, entity_id, before, None if after is None else {**after, **run})
            for entity_id, before, after in changes
        )
        for some in chunks(writes):
            audit.record(self.session, self.actor, some)
            self.wrote(len(some))


def insert_returning_ids(
    session: Session, table: Table, rows: Iterable[dict[str, Any]]
) -> list[int]:
    """Insert rows and return their new ids, in the order of the rows."""
    ids: list[int] = []
    for some in chunks(rows):
        taken = take_ids(session, table, len(some))
        for new, row in zip(taken, some, strict=True):
            row["id"] = new
        insert_rows(session, table, some)
        ids.extend(taken)
    return ids


def chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """`items` some at a time."""
    iterator = iter(items)
    while some := list(islice(iterator, _CHUNK)):
        yield some
