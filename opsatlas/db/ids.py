"""Ids taken before rows are inserted: then many go in with one statement, and are known.

Asking for them back (RETURNING, in the order of the rows) makes SQLite insert one row at a time.
"""

from sqlalchemy import Table, text
from sqlalchemy.orm import Session


def take_ids(session: Session, table: Table, count: int) -> list[int]:
    """`count` new ids of `table`, ascending; on SQLite the caller must hold the write lock.

    They are never given away twice, also after rows are deleted: on SQLite the table must be made
    with AUTOINCREMENT.
    """
    if count == 0:
        return []
    if session.get_bind().dialect.name == "postgresql":
        statement = text(
            "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)"
        )
        return sorted(session.scalars(statement, {"name": table.name, "count": count}))
    newest = session.scalar(
        text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
    )
    first = (newest or 0) + 1
    return list(range(first, first + count))
