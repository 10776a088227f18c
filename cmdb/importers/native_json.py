"""The native JSON: `{"configuration_items": [{…}], "relationships": [{…}]}`."""

import json
import math
from collections.abc import Iterator
from typing import Any

from cmdb.importers.documents import records, without_duplicates
from cmdb.importers.encoding import decode
from cmdb.importers.records import (
    BadValue,
    InputFile,
    KindSeen,
    ParsedRecord,
    ReadLimits,
    Where,
)
from cmdb.problems import problem
from cmdb.schemas import Problem

NAME = "native_json"

_MAX_DIGITS = 20
"""A 64-bit integer has at most 19 digits and a sign."""


def recognises(file: InputFile) -> int:
    """How sure it is that this is a native JSON, 0 to 3."""
    start = file.content[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    begins = start.lstrip(b"\xff\xfe \t\r\n").startswith((b"{", b"["))
    return (2 if begins else 0) + (1 if file.name.lower().endswith(".json") else 0)


def read(file: InputFile, limits: ReadLimits) -> Iterator[ParsedRecord | KindSeen | Problem]:
    """Records in the order of the file, with JSON pointers as their places."""
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    try:
        document = json.loads(
            text,
            object_pairs_hook=without_duplicates,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        yield problem(
            "malformed_json",
            f"this is not JSON: {error.msg} at character {error.colno} of line {error.lineno}",
            where=Where(file.name, error.lineno),
            hint="check it with `python -m json.tool`; JSON has no comments and no last comma",
        )
        return
    except RecursionError:
        yield problem(
            "too_deep",
            f"objects and lists are nested deeper than {limits.max_depth} levels",
            where=Where(file.name),
        )
        return
    del text
    yield from records(document, file.name, limits.max_depth)


def _constant(written: str) -> BadValue:
    return BadValue(written, "not a number that JSON knows")


def _integer(written: str) -> Any:
    if len(written) > _MAX_DIGITS or not -(2**63) <= (number := int(written)) < 2**63:
        return BadValue(written, "not an integer of 64 bits")
    return number


def _float(written: str) -> Any:
    number = float(written)
    return number if math.isfinite(number) else BadValue(written, "too large for a number")
