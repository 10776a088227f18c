"""Names as other systems write them: whether one can be stored."""

from typing import Any

from cmdb.plain_text import RefusedValueError, text


def named(said: Any) -> str | None:
    """The name in its stored form; None where there is none, or none that can be stored."""
    try:
        return text(said)
    except RefusedValueError:
        return None
