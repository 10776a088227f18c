"""Many rows into one table, past what SQLAlchemy does for each row: `executemany` of plain tuples
on SQLite, `COPY` on PostgreSQL. The types of the columns convert values as they always do."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.orm import Session


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, which all name the same columns, in the session's unit of work."""
    if not rows:
        return
    session.flush()
    connection = session.connection()
    dialect = connection.dialect
    names = list(rows[0])
    convert = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    quote = dialect.identifier_preparer.quote
    into = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    values = (
        tuple(
            [
                value if turn is None else turn(value)
                for turn, value in zip(convert, [row[name] for name in names], strict=True)
            ]
        )
        for row in rows
    )
    if dialect.name == "postgresql":
        raw: Any = connection.connection.cursor()
        with raw, raw.copy(f"COPY {into} FROM STDIN") as copy:
            for each in values:
                copy.write_row(each)
    else:
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {into} VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, list(values))
