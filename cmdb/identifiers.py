"""Values that tell which thing a record is about, brought to one form. Pure.

Identification goes from the surest kind to the least: a serial number before a host name. Which
kinds count depends on the class: a database has the host name of its machine, and is not it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

SERIAL, CLOUD_ID, FQDN, MAC, HOST = "serial_number", "cloud_id", "fqdn", "mac_address", "host"

COMPUTERS = frozenset({"server", "virtual_machine", "hypervisor", "endpoint"})
"""Classes that sources mix up: what one calls a server is a virtual machine for another."""

DEFAULT_RULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(COMPUTERS, (SERIAL, CLOUD_ID, FQDN, MAC, HOST)),
    **dict.fromkeys(("network_device", "load_balancer"), (SERIAL, CLOUD_ID, FQDN, MAC)),
    **dict.fromkeys(("storage", "power", "rack"), (SERIAL, CLOUD_ID)),
    "certificate": (SERIAL, CLOUD_ID),
}
"""By class: kinds of identifiers, the surest first. Classes that are not named go by `cloud_id`
alone; name and class come last for all of them."""
OTHERS: tuple[str, ...] = (CLOUD_ID,)

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


def rules_for(root: str, rules: Mapping[str, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """The kinds by which CIs of the built-in class `root` are recognised, the surest first."""
    return (DEFAULT_RULES if rules is None else {**DEFAULT_RULES, **rules}).get(root, OTHERS)


def family(root: str) -> str:
    """Classes of one family may be one and the same thing."""
    return "computer" if root in COMPUTERS else root


def identifiers(
    root: str, name: str, fields: Mapping[str, Any], attributes: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """(kind, value) of everything that identifies a CI of the built-in class `root`."""
    for kind in rules_for(root):
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
