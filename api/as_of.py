"""The past moment that a caller asks about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Query

from opsatlas.db.listing import ListQuery

AsOf = Annotated[
    datetime | None,
    Query(description="A past moment, RFC 3339: the answer is as it was then"),
]


def without(query: ListQuery, parameter: str) -> ListQuery:
    """The query of a list without a parameter of the route's own, which is no filter."""
    return replace(query, filters=tuple(each for each in query.filters if each[0] != parameter))
