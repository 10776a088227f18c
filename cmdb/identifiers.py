"""Values that tell which thing a record is about, brought to one form. Pure.

Which kinds count, and in which order, depends on the class (`cmdb/identification.py`): a database
has the host name of its machine, and is not it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SERIAL, CLOUD_ID, FQDN, MAC, HOST = "serial_number", "cloud_id", "fqdn", "mac_address", "host"
KINDS = (SERIAL, CLOUD_ID, FQDN, MAC, HOST)

COMPUTERS = frozenset({"server", "virtual_machine", "hypervisor", "endpoint"})
"""Classes that sources mix up: what one calls a server is a virtual machine for another."""

NAMED_AS_HOSTS = COMPUTERS | {"network_device", "load_balancer", "storage"}
"""Classes whose CIs are named as hosts are."""

OUTLIVES_RETIREMENT = frozenset({SERIAL, CLOUD_ID, MAC})
"""Kinds that stay with the thing; names are given away again."""

_MAX_IDENTIFIER = 512
_MIN_SERIAL = 4
_SERIAL_JUNK = frozenset(
    [
        *("tobefilledbyoem", "defaultstring", "systemserialnumber", "serialnumber", "none"),
        *("notspecified", "notapplicable", "notavailable", "unknown", "invalid", "empty"),
        *("chassisserialnumber", "baseboardserialnumber", "oem", "default", "filledbyoem"),
        *("0123456789", "123456789", "1234567890", "12345678", "1234567", "123456", "xxxxxxx"),
    ]
)
_MAC_JUNK = frozenset({"0" * 12, "f" * 12})
_NOT_ALNUM = re.compile(r"[^0-9a-z]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")


def family(root: str) -> str:
    """Classes of one family may be one and the same thing."""
    return "computer" if root in COMPUTERS else root


def kept_kinds(root: str) -> tuple[str, ...]:
    """The kinds that are kept of a CI of the built-in class `root`, whatever the rules are, so that
    they may change."""
    return KINDS if root in NAMED_AS_HOSTS else (SERIAL, CLOUD_ID, FQDN, MAC)


def identifiers(
    kinds: Iterable[str], name: str, fields: Mapping[str, Any], attributes: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """(kind, value) of everything of these kinds that identifies a CI."""
    for kind in kinds:
        if kind == SERIAL:
            yield from _one(kind, serial(fields.get("serial_number")))
        elif kind == FQDN:
            yield from _one(kind, host_name(fields.get("fqdn")))
        elif kind == CLOUD_ID:
            yield from _one(kind, _text(attributes.get("cloud_id")))
        elif kind == MAC:
            for mac in _macs(attributes):
                yield kind, mac
        elif kind == HOST:
            yield from _one(kind, short_name(name))


def serial(raw: Any) -> str | None:
    """A serial number in lower case without punctuation; what mainboards say for none is none."""
    said = _text(raw)
    if said is None:
        return None
    form = _NOT_ALNUM.sub("", said)
    junk = len(form) < _MIN_SERIAL or form in _SERIAL_JUNK or len(set(form)) == 1
    return None if junk else form


def host_name(raw: Any) -> str | None:
    """A fully qualified host name in lower case; one without a domain, or a wildcard, is none."""
    said = _text(raw)
    if said is None or "*" in said:
        return None
    form = said.rstrip(".")
    return form if "." in form and not form.startswith("localhost.") else None


def short_name(name: str) -> str | None:
    """The host's own label of a name that may be one, such as `hv-01` of `HV-01.example.org`."""
    label = name.casefold().strip().rstrip(".").partition(".")[0]
    return label if _LABEL.fullmatch(label) and not label.isdigit() else None


def mac(raw: Any) -> str | None:
    """A MAC address as twelve hexadecimal digits."""
    said = _text(raw)
    if said is None:
        return None
    form = re.sub(r"[.:\-\s]", "", said)
    if re.fullmatch(r"[0-9a-f]{12}", form) is None or form in _MAC_JUNK:
        return None
    return form


def _macs(attributes: Mapping[str, Any]) -> list[str]:
    raw = attributes.get("mac_addresses", attributes.get("mac_address"))
    if isinstance(raw, str):
        raw = re.split(r"[,;\s]+", raw)
    found = (mac(each) for each in raw) if isinstance(raw, list) else ()
    return sorted({each for each in found if each is not None})


def _text(raw: Any) -> str | None:
    said = raw.strip().casefold() if isinstance(raw, str) else ""
    return said[:_MAX_IDENTIFIER] or None


def _one(kind: str, value: str | None) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield kind, value
