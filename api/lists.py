"""Lists on their way in and out: the query of a list, its page, and how OpenAPI describes both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Held
from opsatlas.db.listing import (
    DEFAULT_LIMIT,
    FieldKind,
    InvalidListQueryError,
    ListQuery,
    Page,
    encode_cursor,
    parse_query,
)
from opsatlas.errors import ErrorItem
from opsatlas.field_docs import field_docs

T = TypeVar("T", bound=BaseModel)
T_co = TypeVar("T_co", bound=BaseModel, covariant=True)

Partial = dict[str, Any]
"""Of a record the fields that were asked for."""


class Listing(BaseModel, Generic[T]):
    """One page of a list."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    count: int
    """Of the whole list, as far as the filters let it through."""
    next: str | None
    """Path and query of the next page; null on the last."""
    previous: str | None
    """Path and query of the page before; null on the first, and where a cursor is used."""
    results: list[T | Partial]
    """The records; with `fields` those fields of them alone."""


class PageOf(Protocol[T_co]):
    """What a domain function answers that lists records."""

    @property
    def count(self) -> int: ...
    @property
    def results(self) -> Sequence[T_co]: ...
    @property
    def more(self) -> bool: ...
    @property
    def last_id(self) -> int | None: ...


def list_query(request: Request, held: Held) -> ListQuery:
    """What the caller of a list wants. Raises InvalidListQueryError."""
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    return parse_query(given, held.settings.max_page_limit)


Query = Annotated[ListQuery, Depends(list_query)]


@dataclass(frozen=True, slots=True)
class Shaped(Generic[T]):
    """A page of rows in the shape in which they go out."""

    count: int
    results: Sequence[T]
    more: bool
    last_id: int | None


def shaped(page: Page[Any], shape: type[T]) -> Shaped[T]:
    """The rows of `page`, each read into `shape` by the names of its fields."""
    results = [shape.model_validate(row, from_attributes=True) for row in page.rows]
    return Shaped(page.count, results, page.more, page.rows[-1].id if page.rows else None)


def listing(request: Request, query: ListQuery, shape: type[T], page: PageOf[T]) -> Listing[T]:
    """`page` as the answer to `request`, cut down to the fields that `query` asks for.

    Raises InvalidListQueryError for a field that `shape` does not have.
    """
    return _listing_of(shape)(
        count=page.count,
        next=_next(request, query, page) if page.more else None,
        previous=_previous(request, query),
        results=_cut(query, shape, page.results),
    )


def refuse_filters(query: ListQuery) -> None:
    """Raise InvalidListQueryError for anything but `limit`, `offset` and `fields`."""
    refused = [name for name, _values in query.filters] + ["ordering"] * bool(query.ordering)
    if query.cursor is not None:
        refused.append("cursor")
    if refused:
        raise _wrong(refused[0], "is not possible in this list", "limit, offset and fields are")


def whole(request: Request, query: ListQuery, shape: type[T], items: Sequence[T]) -> Listing[T]:
    """A page of a list that is short enough to be read whole; it has no filters.

    Raises InvalidListQueryError for anything but `limit`, `offset` and `fields`.
    """
    refuse_filters(query)
    end = query.offset + query.limit
    return _listing_of(shape)(
        count=len(items),
        next=_address(request, offset=str(end)) if end < len(items) else None,
        previous=_previous(request, query),
        results=_cut(query, shape, items[query.offset : end]),
    )


def neighbours(
    request: Request, count: int, limit: int, offset: int
) -> tuple[str | None, str | None]:
    """The addresses of the next and the previous page of a list of `count` items."""
    end = offset + limit
    following = _address(request, offset=str(end)) if end < count else None
    before = _address(request, offset=str(max(0, offset - limit))) if offset else None
    return following, before


def list_parameters(kinds: Mapping[str, FieldKind] | None) -> dict[str, Any]:
    """What OpenAPI says of a list's parameters, by the fields that can be filtered by.

    None stands for a list that is only cut into pages.
    """
    paging = [
        _parameter("limit", {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}),
        _parameter("offset", {"type": "integer", "minimum": 0, "default": 0}),
        _parameter("fields", {"type": "string"}, "Names of fields, separated by commas"),
    ]
    if kinds is None:
        return {"parameters": paging}
    deep = [
        _parameter("cursor", {"type": "string"}, "Empty for the first page; then as in `next`"),
        _parameter(
            "ordering",
            {"type": "string", "enum": [f"{sign}{name}" for name in kinds for sign in ("", "-")]},
            "Field to order by, `-` for descending; several separated by commas",
        ),
    ]
    filters = [
        _parameter(name, {"type": "array", "items": _SCHEMAS[kind]}, _FILTER.format(name=name))
        for name, kind in kinds.items()
    ]
    return {"parameters": [*paging, *deep, *filters]}


def _listing_of(shape: type[T]) -> type[Listing[T]]:
    # The class that the route promises: FastAPI sends an instance of it as it is.
    return Listing[shape]  # type: ignore[valid-type]


_FILTER = (
    "Any of these values. Also `{name}__n` (not), `__ic` (contains), `__isw` (starts with), "
    "`__gte`, `__lte`, `__empty`"
)
_SCHEMAS: dict[FieldKind, dict[str, Any]] = {
    "integer": {"type": "integer", "format": "int64"},
    "boolean": {"type": "boolean"},
    "moment": {"type": "string", "format": "date-time"},
    "text": {"type": "string"},
}


def _parameter(name: str, schema: dict[str, Any], text: str = "") -> dict[str, Any]:
    described = {"description": text} if text else {}
    return {"name": name, "in": "query", "required": False, "schema": schema, **described}


def _cut(query: ListQuery, shape: type[T], items: Sequence[T]) -> list[T | Partial]:
    if not query.fields:
        return list(items)
    known = [*shape.model_fields, *shape.model_computed_fields]
    for name in query.fields:
        if name not in known:
            raise _wrong("fields", f"names {name!r}, which is none", f"fields: {', '.join(known)}")
    wanted = set(query.fields)
    return [item.model_dump(mode="json", include=wanted) for item in items]


def _next(request: Request, query: ListQuery, page: PageOf[T]) -> str:
    if query.cursor is not None and page.last_id is not None:
        return _address(request, cursor=encode_cursor(page.last_id))
    return _address(request, offset=str(query.offset + query.limit))


def _previous(request: Request, query: ListQuery) -> str | None:
    if query.cursor is not None or query.offset == 0:
        return None
    return _address(request, offset=str(max(0, query.offset - query.limit)))


def _address(request: Request, **changed: str) -> str:
    # Without a host: behind a proxy we would not know by which name the caller calls us.
    kept = [(name, value) for name, value in request.query_params.multi_items()]
    others = [(name, value) for name, value in kept if name not in changed]
    return f"{request.url.path}?{urlencode([*others, *changed.items()])}"


def _wrong(parameter: str, detail: str, hint: str) -> InvalidListQueryError:
    item = ErrorItem(f"/query/{parameter}", f"{parameter} {detail}", None, hint)
    return InvalidListQueryError(item.detail, hint=hint, errors=[item])
