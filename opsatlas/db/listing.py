"""Lists as the API gives them: filtered, ordered, cut into pages; one rule for every noun.

Filters are `field=value` (given again: any of them), `field__n` (not), `field__ic` (contains, any
case), `field__isw` (starts with, any case), `field__gte`, `field__lte` and `field__empty`.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Boolean, ColumnElement, Integer, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from opsatlas.clock import parse_rfc3339
from opsatlas.db.model import Model, UtcDateTime
from opsatlas.errors import ErrorItem, InvalidInputError

_RESERVED = frozenset({"limit", "offset", "cursor", "ordering", "fields"})
_LARGEST = 2**63 - 1
DEFAULT_LIMIT = 50

FieldKind = Literal["integer", "boolean", "moment", "text"]
"""What a filter's values are."""

Column = InstrumentedAttribute[Any] | ColumnElement[Any]
"""A field of a list: a column, or what of one may be shown."""

M = TypeVar("M", bound=Model)


class InvalidListQueryError(InvalidInputError):
    """A list parameter that does not exist or does not fit its field."""

    code = "invalid_query"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller wants of a list; `filters` as they came, `cursor` None for offset paging."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: int | None = None
    ordering: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    filters: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page: `count` is of the whole list; `more` says whether rows follow these."""

    count: int
    rows: Sequence[M]
    more: bool


def parse_query(parameters: Mapping[str, Sequence[str]], max_limit: int) -> ListQuery:
    """A query from URL parameters. Raises InvalidListQueryError, which names the parameter."""
    single = {name: values[-1] for name, values in parameters.items() if name in _RESERVED}
    cursor = single.get("cursor")
    return ListQuery(
        limit=_whole(single, "limit", DEFAULT_LIMIT, 1, max_limit),
        offset=_whole(single, "offset", 0, 0, _LARGEST),
        cursor=None if cursor is None else decode_cursor(cursor),
        ordering=_names(single.get("ordering")),
        fields=_names(single.get("fields")),
        filters=tuple(
            (name, tuple(values)) for name, values in parameters.items() if name not in _RESERVED
        ),
    )


def field_columns(
    model: type[Model], without: Collection[str] = ()
) -> dict[str, InstrumentedAttribute[Any]]:
    """Every column of `model` by its name but those of `without`, which no filter fits."""
    names = [attribute.key for attribute in model.__mapper__.column_attrs]
    return {name: getattr(model, name) for name in names if name not in without}


def field_kinds(columns: Mapping[str, Column]) -> dict[str, FieldKind]:
    """What the values of each filter are, to describe a list to its callers."""
    return {name: _kind(column) for name, column in columns.items()}


def encode_cursor(last_id: int) -> str:
    """An opaque place in a list: after the row with this id."""
    return base64.urlsafe_b64encode(f"after:{last_id}".encode()).decode()


def decode_cursor(text: str) -> int:
    """The id that a cursor stands after; an empty cursor stands before the first row."""
    if not text:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(text.encode()).decode().partition(":")
        last_id = int(number)
    except (binascii.Error, ValueError) as error:
        raise _wrong("cursor", "is no cursor of ours", text) from error
    if word != "after" or not 0 <= last_id <= _LARGEST:
        raise _wrong("cursor", "is no cursor of ours", text)
    return last_id


def list_page(
    session: Session,
    model: type[M],
    columns: Mapping[str, Column],
    query: ListQuery,
    *,
    default_ordering: tuple[str, ...] = ("id",),
    where: Sequence[ColumnElement[bool]] = (),
) -> Page[M]:
    """One page of `model`, whose fields `columns` may be filtered and ordered by.

    The primary key breaks ties, so that pages neither repeat nor skip a row. A cursor reads in
    the order of the primary key alone. Raises InvalidListQueryError.
    """
    conditions = [*where, *filter_conditions(columns, query)]
    statement = select(model).where(*conditions)
    count = session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0
    key = columns["id"]
    if query.cursor is not None:
        if query.ordering:
            raise _wrong("ordering", "cannot be used with a cursor", ",".join(query.ordering))
        statement = statement.where(key > query.cursor).order_by(key)
    else:
        for name in query.ordering or default_ordering:
            column = _column(columns, name.removeprefix("-"), "ordering")
            statement = statement.order_by(column.desc() if name.startswith("-") else column.asc())
        statement = statement.order_by(key).offset(query.offset)
    rows = session.scalars(statement.limit(query.limit + 1)).all()
    return Page(count, rows[: query.limit], len(rows) > query.limit)


def filter_conditions(columns: Mapping[str, Column], query: ListQuery) -> list[ColumnElement[bool]]:
    """What the filters of `query` ask of a row. Raises InvalidListQueryError."""
    return [_condition(columns, name, values) for name, values in query.filters]


def _condition(
    columns: Mapping[str, Column], parameter: str, values: tuple[str, ...]
) -> ColumnElement[bool]:
    name, _, lookup = parameter.partition("__")
    column = _column(columns, name, parameter)
    if lookup == "empty":
        checks = [truth(parameter, value) for value in values]
        return or_(*(column.is_(None) if empty else column.is_not(None) for empty in checks))
    if lookup in ("ic", "isw"):
        if _kind(column) != "text":
            raise _wrong(parameter, f"{name!r} is no text", values[0], "n, gte, lte or empty")
        contains = column.icontains if lookup == "ic" else column.istartswith
        return or_(*(contains(_text(parameter, value), autoescape=True) for value in values))
    typed = [_typed(column, parameter, value) for value in values]
    if lookup == "":
        return column.in_(typed)
    if lookup == "n":
        return or_(column.not_in(typed), column.is_(None))
    if lookup == "gte":
        return or_(*(column >= value for value in typed))
    if lookup == "lte":
        return or_(*(column <= value for value in typed))
    raise _wrong(parameter, f"{lookup!r} is no lookup", values[0], "n, ic, isw, gte, lte or empty")


def _column(columns: Mapping[str, Column], name: str, parameter: str) -> Column:
    try:
        return columns[name]
    except KeyError:
        known = ", ".join(sorted(columns))
        raise _wrong(parameter, f"there is no field {name!r}", name, f"fields: {known}") from None


def _typed(column: Column, parameter: str, value: str) -> Any:
    kind = _kind(column)
    if kind == "boolean":
        return truth(parameter, value)
    if kind == "integer":
        try:
            number = int(value)
        except ValueError:
            raise _wrong(parameter, "must be a whole number", value) from None
        if abs(number) > _LARGEST:
            raise _wrong(parameter, "is beyond 64 bits", value)
        return number
    return _moment(parameter, value) if kind == "moment" else _text(parameter, value)


def _kind(column: Column) -> FieldKind:
    if isinstance(column.type, Boolean):
        return "boolean"
    if isinstance(column.type, Integer):
        return "integer"
    return "moment" if isinstance(column.type, UtcDateTime) else "text"


def _moment(parameter: str, value: str) -> datetime:
    try:
        return parse_rfc3339(value)
    except (ValueError, OverflowError):
        hint = "for example 2026-03-04T10:00:00Z"
        raise _wrong(parameter, "must be an RFC 3339 time", value, hint) from None


def _text(parameter: str, value: str) -> str:
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(parameter, "has a character that no text may have", repr(value))
    return value


def truth(parameter: str, value: str) -> bool:
    """A filter's value that is true or false. Raises InvalidListQueryError."""
    if value.lower() in ("true", "1"):
        return True
    if value.lower() in ("false", "0"):
        return False
    raise _wrong(parameter, "must be true or false", value)


def _whole(single: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    if name not in single:
        return default
    try:
        number = int(single[name])
    except ValueError:
        raise _wrong(name, "must be a whole number", single[name]) from None
    if not least <= number <= most:
        raise _wrong(name, f"must be {least} to {most}", single[name])
    return number


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _wrong(
    parameter: str, detail: str, value: str, hint: str | None = None
) -> InvalidListQueryError:
    item = ErrorItem(f"/query/{parameter}", f"{parameter} {detail}", value[:200], hint)
    return InvalidListQueryError(item.detail, hint=hint, errors=[item])
