"""Statements that are put together once and asked with other values each time.

SQLAlchemy takes two to four tenths of a millisecond to put a select together and to tell that it
has compiled it before: more than SQLite takes to answer it.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, bindparam

prepared = lru_cache(maxsize=256)
"""Remembers the statement that a function makes for each of its arguments: for the groups of a
caller, mostly."""


def listed(name: str) -> BindParameter[Any]:
    """The list of values that is given as `name` when the statement is executed: for `in_`."""
    return bindparam(name, expanding=True)
