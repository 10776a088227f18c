"""What FastAPI found wrong with a request, in the words of our problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from opsatlas.errors import ErrorItem

_PARAMETERS = frozenset({"query", "path", "header"})


def items_of(error: RequestValidationError) -> list[ErrorItem]:
    """Each place once; where several shapes would have fitted, what each of them wanted."""
    items: dict[str, ErrorItem] = {}
    for found in error.errors():
        item = _item(found, error.body)
        before = items.get(item.pointer)
        if before is None:
            items[item.pointer] = item
        elif item.detail not in before.detail.split(", or "):
            detail = f"{before.detail}, or {item.detail}"
            items[item.pointer] = ErrorItem(item.pointer, detail, item.value, before.hint)
    return list(items.values())


def _item(found: dict[str, Any], body: Any) -> ErrorItem:
    kind, place = found["type"], found["loc"]
    if place and place[0] in _PARAMETERS:
        pointer = _pointer(place)
    else:
        pointer = _pointer(_place_in(body, place[1:], missing=kind == "missing"))
    if kind == "extra_forbidden":
        return ErrorItem(pointer, "there is no such field", found.get("input"))
    if kind == "missing":
        return ErrorItem(pointer, "is required")
    return ErrorItem(pointer, found["msg"], found.get("input"))


def _place_in(body: Any, place: Sequence[int | str], *, missing: bool) -> list[int | str]:
    """`place` without the names of alternatives, which pydantic writes among the keys."""
    way: list[int | str] = []
    for at, part in enumerate(place):
        if _holds(body, part):
            body = body[part]
            way.append(part)
        elif missing and at == len(place) - 1:
            way.append(part)
    return way


def _holds(body: Any, part: int | str) -> bool:
    if isinstance(body, list):
        return isinstance(part, int) and part < len(body)
    return isinstance(body, dict) and part in body


def _pointer(parts: Sequence[int | str]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)
