"""Many rows into one table, past what SQLAlchemy does for each row: `executemany` of plain tuples
on SQLite, `COPY` on PostgreSQL. The types of the columns convert values as they always do."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError
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
        _copy(connection, f"COPY {into} FROM STDIN", values)
    else:
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {into} VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, list(values))


def _copy(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY, with its errors as those of every other statement: who waits for SQLAlchemy's, such as
    that of a full disk, hears of them."""
    raw: Any = connection.connection.cursor()
    driver = connection.dialect.loaded_dbapi.Error
    try:
        with raw, raw.copy(statement) as copy:
            for each in rows:
                copy.write_row(each)
    except driver as error:
        raise DBAPIError.instance(
            statement, None, error, driver, dialect=connection.dialect
        ) from error
