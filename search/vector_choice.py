"""Where the vectors of a collection lie: in this process, or in PostgreSQL for all of them."""

from collections.abc import Callable

from sqlalchemy import Engine

from search.in_memory import VectorsInMemory
from search.indexes.pgvector import VectorsInPostgres
from search.indexes.pgvector_table import set_up
from search.indexes.rows import Precision
from search.meaning import Meaning
from search.spaces import Space

PGVECTOR = "pgvector"


def meaning_of(
    engine: Engine, vector_index: str, precision: Precision
) -> Callable[[Space], Meaning]:
    """What makes a place for the vectors of a space, by the name of the index."""
    if vector_index == PGVECTOR:
        return lambda space: VectorsInPostgres(engine, space, precision)
    return lambda space: VectorsInMemory(space.dimensions, vector_index, precision)


def prepare(engine: Engine, vector_index: str) -> None:
    """Make in the database what the index needs there, at the start of a process.

    Raises PgvectorMissingError where it cannot be had.
    """
    if vector_index == PGVECTOR:
        set_up(engine)
