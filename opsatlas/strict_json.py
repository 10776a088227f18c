"""JSON as RFC 8259 and the databases can both hold it; what cannot be held is refused by name.

Python's own reader takes NaN, integers of any size, duplicate keys and lone surrogates. The first
two break other readers, the third hides data, the last cannot be stored at all.
"""

import json
from typing import Any

from opsatlas.errors import MalformedInputError

_LARGEST = 2**63 - 1


class MalformedJsonError(MalformedInputError):
    """Text that is no JSON, or JSON that says something no database can hold."""

    code = "malformed_json"


def loads(data: bytes, max_depth: int) -> Any:
    """The value of a JSON text in UTF-8 (a BOM is allowed), at most `max_depth` levels deep.

    Raises MalformedJsonError, which says what and, where it is known, on which line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedJsonError(
            f"the text is not UTF-8 (byte {error.start})", hint="save it as UTF-8"
        ) from error
    try:
        value = json.loads(
            text,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error
    except RecursionError as error:
        raise _too_deep(max_depth) from error
    _check(value, max_depth)
    return value


def _whole(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > _LARGEST:  # noqa: PLR2004 - digits of 64 bits, signed
        raise MalformedJsonError(
            f"the number {digits[:30]} is beyond 64 bits", hint="send it as text"
        )
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise MalformedJsonError(f"the number {digits[:30]} is beyond what JSON readers can hold")
    return number


def _constant(name: str) -> Any:
    raise MalformedJsonError(f"{name} is not JSON", hint="leave the field out, or send null")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedJsonError(f"the key {twice[:100]!r} stands twice in one object")
    return found


def _check(value: Any, max_depth: int) -> None:
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                check_text(item)
            elif isinstance(item, list | dict):
                if depth == max_depth:
                    raise _too_deep(max_depth)
                below.extend(item)
                if isinstance(item, dict):
                    below.extend(item.values())
        level, depth = below, depth + 1


def _too_deep(max_depth: int) -> MalformedJsonError:
    return MalformedJsonError(f"nested more than {max_depth} levels deep")


def check_text(text: str) -> None:
    """Raise MalformedJsonError for a NUL or a lone surrogate: PostgreSQL can store neither."""
    if "\x00" in text:
        raise MalformedJsonError(f"a text has a NUL character: {text[:50]!r}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise MalformedJsonError(
                f"a text has half a character (a lone surrogate): {text[:50]!r}"
            ) from error
