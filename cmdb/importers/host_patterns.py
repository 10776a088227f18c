"""Ansible's host patterns: `web[01:20].example:2222` is twenty hosts and a port."""

import ipaddress
import re
import string
from collections.abc import Iterator
from itertools import product

_RANGE = re.compile(r"\[([0-9A-Za-z]*):([0-9A-Za-z]+)(?::([0-9]{1,6}))?\]")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?")
_PORT = re.compile(r"(.+):(\d{1,5})")
_MAX_DIGITS = 9


class PatternError(ValueError):
    """A pattern that stands for no hosts, or for too many; says why."""


def split_port(pattern: str) -> tuple[str, int | None]:
    """The pattern without the port behind it; IPv6 addresses have one only behind brackets."""
    if (found := _BRACKETED.fullmatch(pattern)) and is_address(found[1]):
        return found[1], int(found[2]) if found[2] else None
    if is_address(pattern):
        return pattern, None
    found = _PORT.fullmatch(pattern)
    if found and ":" not in _RANGE.sub("", found[1]):
        return found[1], int(found[2])
    return pattern, None


def expand(pattern: str, limit: int) -> Iterator[str]:
    """The hosts that a pattern without port stands for.

    Raises PatternError, before the first host, where there are none or more than `limit`.
    """
    if is_address(pattern):
        return iter([pattern])
    parts: list[list[str]] = []
    size, end = 1, 0
    for found in _RANGE.finditer(pattern):
        parts.append([pattern[end : found.start()]])
        first, last, step = _bounds(found)
        count = max(0, (last - first) // step + 1)
        size *= count
        if size > limit:
            raise PatternError(f"its ranges stand for more than {limit:,} hosts")
        parts.append([_written(found, value) for value in range(first, last + 1, step)])
        end = found.end()
    rest = pattern[end:]
    if "[" in rest or "]" in rest:
        raise PatternError("its brackets do not hold a range such as [01:20] or [a:f]")
    if not size:
        raise PatternError("a range in it ends before it begins")
    return ("".join(each) for each in product(*parts, [rest]))


def is_address(name: str) -> bool:
    """Whether this is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bounds(found: re.Match[str]) -> tuple[int, int, int]:
    first, last, step = found[1] or "0", found[2], int(found[3] or 1)
    if not step:
        raise PatternError("the step of a range is 0")
    if first.isdigit() and last.isdigit() and max(len(first), len(last)) <= _MAX_DIGITS:
        if _padded(first) and len(first) != len(last):
            raise PatternError("both ends of a range with leading zeros need as many digits")
        return int(first), int(last), step
    letters = string.ascii_letters
    if len(first) == len(last) == 1 and first in letters and last in letters:
        return letters.index(first), letters.index(last), step
    raise PatternError("the ends of a range are two numbers or two single letters")


def _written(found: re.Match[str], value: int) -> str:
    first: str = found[1] or "0"
    if not first.isdigit():
        return string.ascii_letters[value]
    return str(value).zfill(len(first)) if _padded(first) else str(value)


def _padded(number: str) -> bool:
    return len(number) > 1 and number.startswith("0")
