"""Pages of CIs and relationships as they were at a moment: filters look at the values of then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from sqlalchemy import ColumnElement, String, cast, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cmdb.as_of import cis_at, relationships_at, states_of_cis, states_of_relationships
from cmdb.incoming import STORED
from cmdb.inventory import CIPage, list_ci_columns
from cmdb.models import ConfigurationItem, Relationship
from cmdb.moments import CI, RELATIONSHIP, Moment
from cmdb.relationship_reads import RelationshipPage, list_relationship_columns
from cmdb.taking_back import State
from opsatlas.audit import AuditEntry
from opsatlas.db.listing import InvalidListQueryError, ListQuery, filter_conditions
from opsatlas.errors import ErrorItem


@dataclass(frozen=True, slots=True)
class _Kept:
    """The fields by which the past can be asked: those that the audit trail keeps."""

    texts: frozenset[str]
    numbers: frozenset[str]


_OF_CIS = _Kept(frozenset(STORED) - {"criticality"}, frozenset({"id", "criticality"}))
_OF_RELATIONSHIPS = _Kept(
    frozenset({"type", "dependency"}), frozenset({"id", "dependent_id", "provider_id"})
)
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
    conditions = filter_conditions(list_ci_columns(), query)  # what is wrong today is wrong then
    _refuse(query, _OF_CIS)
    states = states_of_cis(session, moment, sorted(moment.cis))
    rows = {each: {**state, "id": each} for each, state in states.items()}
    untouched = _untouched(session, ConfigurationItem.id, CI, moment, conditions)
    count, page, more = _cut(untouched, rows, query, _OF_CIS)
    found = cis_at(session, moment, page)
    return CIPage(count, [found[each] for each in page], more, page[-1] if page else None)


def list_relationships_at(session: Session, moment: Moment, query: ListQuery) -> RelationshipPage:
    """The same of the relationships."""
    conditions = filter_conditions(list_relationship_columns(), query)
    _refuse(query, _OF_RELATIONSHIPS)
    states = states_of_relationships(session, moment, sorted(moment.relationships))
    rows = {
        each: {
            **state,
            "id": each,
            "dependent_id": state["dependent"],
            "provider_id": state["provider"],
        }
        for each, state in states.items()
    }
    untouched = _untouched(session, Relationship.id, RELATIONSHIP, moment, conditions)
    count, page, more = _cut(untouched, rows, query, _OF_RELATIONSHIPS)
    found = relationships_at(session, moment, states_of_relationships(session, moment, page))
    by_id = {each.id: each for each in found}
    results = [by_id[each] for each in page]
    return RelationshipPage(count, results, more, page[-1] if page else None)


def _untouched(
    session: Session,
    column: InstrumentedAttribute[int],
    entity: str,
    moment: Moment,
    conditions: Sequence[ColumnElement[bool]],
) -> Iterator[int]:
    """The ids, in order, of the records that fit and to which nothing has happened since."""
    since = select(AuditEntry.entity_id).where(
        AuditEntry.entity == entity, AuditEntry.at > moment.at
    )
    return iter(
        session.scalars(
            select(column).where(*conditions, cast(column, String).not_in(since)).order_by(column)
        )
    )


def _cut(
    untouched: Iterator[int], touched: Mapping[int, State], query: ListQuery, kept: _Kept
) -> tuple[int, list[int], bool]:
    """How many there were, the ids of the page, and whether more follow."""
    fitting = sorted(each for each, state in touched.items() if _fits(state, query, kept))
    ids = list(merge(untouched, fitting))
    start = query.offset
    if query.cursor is not None:
        start = sum(each <= query.cursor for each in ids)
    elif query.ordering == ("-id",):
        ids.reverse()
    return len(ids), ids[start : start + query.limit], start + query.limit < len(ids)


def _refuse(query: ListQuery, kept: _Kept) -> None:
    """Raise for what is possible in today's list alone."""
    for parameter, _values in query.filters:
        name, _, lookup = parameter.partition("__")
        if name not in kept.texts | kept.numbers:
            detail = f"cannot be asked of a past moment: {name!r} is not kept"
            raise _wrong(parameter, detail, kept)
        if lookup in ("gte", "lte") and name not in kept.numbers:
            raise _wrong(parameter, "cannot be asked of a past moment, for texts", kept)
    if query.ordering not in ((), ("id",), ("-id",)):
        raise _wrong("ordering", "of a past moment is by id", kept)


def _fits(state: State, query: ListQuery, kept: _Kept) -> bool:
    return all(_passes(state, *each, kept) for each in query.filters)


def _passes(state: State, parameter: str, values: tuple[str, ...], kept: _Kept) -> bool:
    name, _, lookup = parameter.partition("__")
    said: list[Any] = list(values)
    if name in kept.numbers and lookup != "empty":
        said = [int(value) for value in values]
    if lookup == "n":
        return state[name] not in said
    return any(_LOOKUPS[lookup](state[name], each) for each in said)


def _wrong(parameter: str, detail: str, kept: _Kept) -> InvalidListQueryError:
    hint = f"filters are of {', '.join(sorted(kept.texts | kept.numbers))}; the order is id or -id"
    item = ErrorItem(f"/query/{parameter}", f"{parameter} {detail}", None, hint)
    return InvalidListQueryError(item.detail, hint=hint, errors=[item])
