"""Field values as people write them, checked and brought to one form.

Each function takes a value as a file or a request has it (text, or a JSON number) and returns the
form that is stored, or None where the value says "nothing" (blank, `N/A`, `TBD`, `-`, …). It raises
RefusedValueError for anything else, with what was expected.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from cmdb.models import Dependency, LifecycleStatus
from cmdb.names import did_you_mean
from cmdb.plain_text import RefusedValueError, text

MAX_KEY = 1024
_MAX_GROUP_SIZE = 1_000_000
_MAX_FQDN, _MAX_LABEL = 253, 63

_STATUS_ALIASES = {
    "operational": LifecycleStatus.ACTIVE,
    "live": LifecycleStatus.ACTIVE,
    "in use": LifecycleStatus.ACTIVE,
    "installed": LifecycleStatus.ACTIVE,
    "in production": LifecycleStatus.ACTIVE,
    "running": LifecycleStatus.ACTIVE,
    "decommissioned": LifecycleStatus.RETIRED,
    "disposed": LifecycleStatus.RETIRED,
    "in maintenance": LifecycleStatus.MAINTENANCE,
    "ordered": LifecycleStatus.PLANNED,
    "on order": LifecycleStatus.PLANNED,
    "spare": LifecycleStatus.IN_STOCK,
    "stock": LifecycleStatus.IN_STOCK,
}
_ENVIRONMENT_ALIASES = {
    "prod": "production",
    "prd": "production",
    "live": "production",
    "dev": "development",
    "devel": "development",
    "stage": "staging",
    "stg": "staging",
    "tst": "test",
    "testing": "test",
}
_DEPENDENCY_ALIASES = {"hard": Dependency.REQUIRED, "soft": Dependency.OPTIONAL}

_CRITICALITY = re.compile(r"([1-4])(?:\.0+)?(?:\s*[-–—:.]\s*\D.*)?")
_MIN_UP = re.compile(r"(\d{1,9})(?:\.0+)?\s*(%?)")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class MinUp(NamedTuple):
    """How many members of a redundancy group must be up: a count, or a percentage of them."""

    value: int
    is_percent: bool

    def __str__(self) -> str:
        return f"{self.value}%" if self.is_percent else str(self.value)


def key(raw: Any) -> str | None:
    """The key under which a source knows a CI."""
    return text(raw, limit=MAX_KEY)


def status(raw: Any) -> str | None:
    """A lifecycle status, also by the words that other systems have for it."""
    said = text(raw)
    if said is None:
        return None
    folded = _words(said)
    if found := _STATUSES.get(folded):
        return found
    names = [each.value for each in LifecycleStatus]
    raise RefusedValueError(
        "invalid_status",
        f"{said!r} is not a lifecycle status",
        _one_of(folded, names, [*names, *_STATUS_ALIASES]),
    )


_STATUSES = {each.value.replace("_", " "): each.value for each in LifecycleStatus} | {
    alias: each.value for alias, each in _STATUS_ALIASES.items()
}


def environment(raw: Any) -> str | None:
    """An environment, in lower case; the usual short forms are written out."""
    said = text(raw)
    if said is None:
        return None
    lower = said.lower()
    return _ENVIRONMENT_ALIASES.get(lower, lower)


def criticality(raw: Any) -> int | None:
    """1 (highest) to 4, also as `1 - most critical`."""
    said = text(_whole(raw))
    if said is None:
        return None
    if found := _CRITICALITY.fullmatch(said):
        return int(found[1])
    raise RefusedValueError(
        "invalid_criticality",
        f"{said!r} is not a criticality",
        "1 (highest), 2, 3 or 4; words may follow: `1 - most critical`",
    )


def ip_address(raw: Any) -> str | None:
    """An IPv4 or IPv6 address in its short form; a mask (`/24`) is taken off."""
    said = text(raw)
    if said is None:
        return None
    try:
        return str(ipaddress.ip_interface(said).ip)
    except ValueError:
        raise RefusedValueError(
            "invalid_ip_address", f"{said!r} is not an IP address", _ip_hint(said)
        ) from None


def _ip_hint(said: str) -> str:
    if re.search(r"[,;\s]", said):
        return "one address; further ones go into attributes"
    if re.fullmatch(r"\d+(\.\d+){3}(/.*)?", said):
        return "each part is 0 to 255, without leading zeros"
    return "IPv4 like 10.0.0.30 or IPv6 like 2001:db8::1"


def fqdn(raw: Any) -> str | None:
    """A host name in lower case without its trailing dot; `*.` may stand in front."""
    said = text(raw, limit=_MAX_FQDN * 4)
    if said is None:
        return None
    name = said.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            name = ""
    labels = name.removeprefix("*.").split(".")
    if 0 < len(name) <= _MAX_FQDN and all(_LABEL.fullmatch(label) for label in labels):
        return name
    raise RefusedValueError(
        "invalid_fqdn",
        f"{said!r} is not a host name",
        f"labels of letters, digits and hyphens, at most {_MAX_LABEL} each, joined by dots",
    )


def dependency(raw: Any) -> str | None:
    """`required` or `optional`; also `hard` and `soft`."""
    said = text(raw)
    if said is None:
        return None
    if found := _DEPENDENCIES.get(_words(said)):
        return found
    names = [each.value for each in Dependency]
    raise RefusedValueError(
        "invalid_dependency", f"{said!r} is not a dependency", _one_of(said, names, names)
    )


_DEPENDENCIES = {each.value: each.value for each in Dependency} | {
    alias: each.value for alias, each in _DEPENDENCY_ALIASES.items()
}


def min_up(raw: Any) -> MinUp | None:
    """A count of at least 1, or a whole percentage from `1%` to `100%`."""
    said = text(_whole(raw))
    if said is None:
        return None
    if found := _MIN_UP.fullmatch(said):
        parsed = MinUp(int(found[1]), bool(found[2]))
        if 1 <= parsed.value <= (100 if parsed.is_percent else _MAX_GROUP_SIZE):
            return parsed
    raise RefusedValueError(
        "invalid_min_up",
        f"{said!r} does not say how many must be up",
        "a count from 1, or a whole percentage from 1% to 100%",
    )


CI_VALUES: dict[str, Callable[[Any], Any]] = {
    "name": text,
    "ci_class": text,
    "status": status,
    "environment": environment,
    "criticality": criticality,
    "owner": text,
    "support_group": text,
    "ip_address": ip_address,
    "fqdn": fqdn,
    "serial_number": text,
}
"""How each stored field of a CI is read; the order is that of the stored columns."""


def _whole(raw: Any) -> Any:
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def _words(said: str) -> str:
    return " ".join(said.lower().replace("_", " ").replace("-", " ").split())


def _one_of(said: str, names: list[str], accepted: list[str]) -> str:
    near = did_you_mean(said, accepted)
    return f"{near} " * bool(near) + f"one of {', '.join(names)}"
