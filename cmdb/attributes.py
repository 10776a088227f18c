"""Attributes of a CI: free names and values, bounded in size and depth."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from cmdb.plain_text import RefusedValueError, refuse_control_characters, text

MAX_ATTRIBUTES_BYTES = 65_536
MAX_ATTRIBUTE_NAME = 255


def checked_attributes(raw: Mapping[str, Any], *, max_depth: int = 50) -> dict[str, Any]:
    """Attributes as they are, once they are known to fit; a null in them takes one away."""
    checked: dict[str, Any] = {}
    for name, value in raw.items():
        label = text(name, limit=MAX_ATTRIBUTE_NAME)
        if label is None:
            raise RefusedValueError("invalid_attribute", f"{name!r} is no name for an attribute")
        checked[label] = value.strip() if isinstance(value, str) else value
    if any(not isinstance(value, str) for value in checked.values()):
        _check_nested(checked.values(), max_depth)
    else:
        for value in checked.values():
            if not value.isprintable():
                refuse_control_characters(value, lines=True)
    size = len(json.dumps(checked, ensure_ascii=False).encode())
    if size > MAX_ATTRIBUTES_BYTES:
        raise RefusedValueError(
            "too_long",
            f"the attributes are {size:,} bytes",
            f"at most {MAX_ATTRIBUTES_BYTES:,} are kept",
        )
    return checked


def _check_nested(values: Iterable[Any], max_depth: int) -> None:
    level = list(values)
    for _depth in range(max_depth):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str):
                if not value.isprintable():
                    refuse_control_characters(value, lines=True)
            elif isinstance(value, int):
                if not -(2**63) <= value < 2**63:
                    raise RefusedValueError(
                        "invalid_value", "an integer has more than 64 bits", "write it as text"
                    )
            elif isinstance(value, float) and not math.isfinite(value):
                raise RefusedValueError("invalid_value", f"{value} is not a number")
        if not below:
            return
        level = below
    raise RefusedValueError("too_deep", f"nested deeper than {max_depth} levels")
