"""JSON values of foreign documents as attributes can hold them: bounded, and without surprises."""

from typing import Any

from cmdb.importers.records import BadValue

_MAX_DEPTH = 6
_CUT = "…"


def text_of(value: Any) -> str | None:
    """A text or whole number as text; None for anything else and for what says nothing."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def members(value: Any) -> dict[str, Any]:
    """The members of an object; none where the value is something else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The items of a list; none where the value is something else."""
    return value if isinstance(value, list) else []


def bounded(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """The value with odd numbers as they were written, cut off below `depth` levels."""
    if isinstance(value, BadValue):
        return value.written
    if isinstance(value, dict | list) and depth == 0:
        return _CUT
    if isinstance(value, dict):
        return {str(name): bounded(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [bounded(each, depth - 1) for each in value]
    return value
