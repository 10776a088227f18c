"""What SQLite's planner knows of how the data lies.

Without it SQLite guesses by the number of values that are asked for: of 100,000 incidents it went
through all closed ones to find the few of a known error. PostgreSQL gathers its own.
"""

from contextlib import suppress

from sqlalchemy import Engine, text

from opsatlas.db.transaction import transaction
from opsatlas.errors import UnavailableError

_LOOKED_AT = 400
"""Rows of each index (`PRAGMA analysis_limit`): milliseconds, however large the database is."""


def refresh_statistics(engine: Engine) -> None:
    """Have the planner look at the data as they are now; left for another time where the database
    is busy."""
    if engine.dialect.name != "sqlite":
        return
    with suppress(UnavailableError), transaction(engine) as session:
        session.execute(text(f"PRAGMA analysis_limit = {_LOOKED_AT}"))
        session.execute(text("ANALYZE"))
