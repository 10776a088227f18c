"""A page of the CIs as they were at a moment: filters look at the values of then."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from typing import Any

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from cmdb.as_of import cis_at, states_of_cis
from cmdb.incoming import STORED
from cmdb.inventory import CIPage, list_ci_columns
from cmdb.models import ConfigurationItem
from cmdb.moments import CI, Moment
from cmdb.taking_back import State
from opsatlas.audit import AuditEntry
from opsatlas.db.listing import InvalidListQueryError, ListQuery, filter_conditions
from opsatlas.errors import ErrorItem

_NUMBERS = frozenset({"id", "criticality"})
_FILTERED = frozenset(STORED) | _NUMBERS
_LOOKUPS: dict[str, Callable[[Any, str], bool]] = {
    "": lambda value, said: value == said,
    "ic": lambda value, said: value is not None and said.lower() in value.lower(),
    "isw": lambda value, said: value is not None and value.lower().startswith(said.lower()),
    "gte": lambda value, said: value is not None and value >= said,
    "lte": lambda value, said: value is not None and value <= said,
    "empty": lambda value, said: (value is None) == (said.lower() in ("true", "1")),
}


def list_cis_at(session: Session, moment: Moment, query: ListQuery) -> CIPage:
    """One page of the CIs that were there, by id.

    CIs that nothing happened to since are filtered by the database, the others here. Raises
    InvalidListQueryError, also for filters and orders that a past moment does not allow.
    """
    columns = list_ci_columns()
    conditions = filter_conditions(columns, query)  # first: what is wrong today is wrong then
    _refuse(query)
    since = select(AuditEntry.entity_id).where(AuditEntry.entity == CI, AuditEntry.at > moment.at)
    untouched = session.scalars(
        select(ConfigurationItem.id)
        .where(*conditions, cast(ConfigurationItem.id, String).not_in(since))
        .order_by(ConfigurationItem.id)
    )
    states = states_of_cis(session, moment, sorted(moment.cis))
    ids = list(merge(untouched, [each for each in states if _fits(each, states[each], query)]))
    start = query.offset
    if query.cursor is not None:
        start = sum(each <= query.cursor for each in ids)
    elif query.ordering == ("-id",):
        ids.reverse()
    page = ids[start : start + query.limit]
    found = cis_at(session, moment, page)
    return CIPage(
        count=len(ids),
        results=[found[each] for each in page],
        more=start + query.limit < len(ids),
        last_id=page[-1] if page else None,
    )


def _refuse(query: ListQuery) -> None:
    """Raise for what is possible in today's list alone."""
    for parameter, _values in query.filters:
        name, _, lookup = parameter.partition("__")
        if name not in _FILTERED:
            raise _wrong(parameter, f"cannot be asked of a past moment: {name!r} is not kept")
        if lookup in ("gte", "lte") and name not in _NUMBERS:
            raise _wrong(parameter, "cannot be asked of a past moment, for texts")
    if query.ordering not in ((), ("id",), ("-id",)):
        raise _wrong("ordering", "of a past moment is by id")


def _fits(ci_id: int, state: State, query: ListQuery) -> bool:
    return all(_passes({**state, "id": ci_id}, *each) for each in query.filters)


def _passes(state: State, parameter: str, values: tuple[str, ...]) -> bool:
    name, _, lookup = parameter.partition("__")
    said: list[Any] = list(values)
    if name in _NUMBERS and lookup != "empty":
        said = [int(value) for value in values]
    if lookup == "n":
        return state[name] not in said
    return any(_LOOKUPS[lookup](state[name], each) for each in said)


def _wrong(parameter: str, detail: str) -> InvalidListQueryError:
    hint = f"filters are of {', '.join(sorted(_FILTERED))}; the order is id or -id"
    item = ErrorItem(f"/query/{parameter}", f"{parameter} {detail}", None, hint)
    return InvalidListQueryError(item.detail, hint=hint, errors=[item])
