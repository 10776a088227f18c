"""JSON as importers read it: strict, bounded, with repeated names and odd numbers kept in sight."""

import json
import math
from typing import Any

from cmdb.importers.documents import Object, without_duplicates
from cmdb.importers.encoding import decode
from cmdb.importers.records import BadValue, InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem

_MAX_DIGITS = 20
"""A 64-bit integer has at most 19 digits and a sign."""


def begins_json(file: InputFile) -> bool:
    """Whether the first sign is that of an object or a list."""
    start = file.content[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    return start.lstrip(b"\xff\xfe \t\r\n").startswith((b"{", b"["))


def parse_json(file: InputFile) -> Any | Problem:
    """The document; a number that cannot be kept is a `BadValue`, see also `documents.Object`."""
    text = decode(file)
    if isinstance(text, Problem):
        return text
    try:
        return json.loads(
            text,
            object_pairs_hook=without_duplicates,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        return problem(
            "malformed_json",
            f"this is not JSON: {error.msg} at character {error.colno} of line {error.lineno}",
            where=Where(file.name, error.lineno),
            hint="check it with `python -m json.tool`; JSON has no comments and no last comma",
        )
    except RecursionError:
        return problem(
            "too_deep",
            "objects and lists are nested deeper than can be read",
            where=Where(file.name),
        )


def parse_cell(text: str) -> Any:
    """The JSON value that a cell of a table holds. Raises ValueError, which says why it is none."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_constant=lambda written: _sound(_constant(written)),
            parse_int=lambda written: _sound(_integer(written)),
            parse_float=lambda written: _sound(_float(written)),
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is nested deeper than can be read") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = without_duplicates(pairs)
    if isinstance(found, Object):
        raise ValueError(f"{found.duplicates[0]!r} is there twice")
    return found


def _sound(value: Any) -> Any:
    if isinstance(value, BadValue):
        raise ValueError(f"{value.written[:40]} is {value.why}")
    return value


def _constant(written: str) -> BadValue:
    return BadValue(written, "not a number that JSON knows")


def _integer(written: str) -> Any:
    if len(written) > _MAX_DIGITS or not -(2**63) <= (number := int(written)) < 2**63:
        return BadValue(written, "not an integer of 64 bits")
    return number


def _float(written: str) -> Any:
    number = float(written)
    return number if math.isfinite(number) else BadValue(written, "too large for a number")
