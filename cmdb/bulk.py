"""What the steps of carrying out a plan share: the load that they belong to, rows in bulk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from opsatlas import audit
from opsatlas.actor import Actor
from opsatlas.audit import Write

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
    run_id: int
    at: datetime

    def audit(self, action: str, entity: str, changes: Iterable[tuple[int, Any, Any]]) -> None:
        """Record (id, before, after) of many records."""
        run = {IMPORT_RUN: self.run_id}
        writes = (
            Write(action, entity, entity_id, before, None if after is None else {**after, **run})
            for entity_id, before, after in changes
        )
        for some in chunks(writes):
            audit.record(self.session, self.actor, some)


def insert_returning_ids(
    session: Session, table: Table, rows: Iterable[dict[str, Any]]
) -> list[int]:
    """Insert rows and return their new ids, in the order of the rows."""
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids: list[int] = []
    for some in chunks(rows):
        ids.extend(session.scalars(statement, some))
    return ids


def chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """`items` some at a time."""
    iterator = iter(items)
    while some := list(islice(iterator, _CHUNK)):
        yield some
