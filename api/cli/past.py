"""Moments and durations as people write them on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

from api.cli.failures import UsageError
from opsatlas.clock import now, parse_rfc3339, rfc3339

FORMS = "RFC 3339, a date, or so long ago: 30m, 2h, 7d"
_AGO = re.compile(r"(\d{1,7})\s*(s|m|h|d|w)(?:\s+ago)?")
_FOR = re.compile(r"(\d{1,7})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(said: str, option: str) -> str:
    """A moment for the API, in RFC 3339; without a zone it is in UTC. Raises UsageError."""
    if said.strip() == "now":
        return rfc3339(now())
    ago = _AGO.fullmatch(said.strip())
    try:
        if ago is not None:
            return rfc3339(now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        return rfc3339(parse_rfc3339(said))
    except (ValueError, OverflowError):
        raise UsageError(f"{option}: {said!r} is no moment", hint=FORMS) from None


def duration(said: str, option: str) -> timedelta:
    """`30m`, `2h`. Raises UsageError."""
    found = _FOR.fullmatch(said.strip())
    if found is None or not int(found[1]):
        raise UsageError(f"{option}: {said!r} is no duration", hint="such as 90s, 30m, 2h, 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
