"""NetBox's objects as configuration items."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from cmdb.importers.json_values import bounded, items, members, text_of
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.netbox.index import Index
from cmdb.importers.netbox.objects import (
    CABLE,
    DEVICE,
    INTERFACE,
    POWER_OUTLET,
    POWER_PORT,
    SERVICE,
    VM,
    VM_INTERFACE,
    NetBoxObject,
)
from cmdb.importers.records import ParsedRecord
from cmdb.names import fold
from cmdb.plain_text import RefusedValueError
from cmdb.values import fqdn

_NO_CIS = frozenset({CABLE, INTERFACE, VM_INTERFACE, POWER_PORT, POWER_OUTLET})
"""Kinds that only tell about others."""

_CHOICE = ("value", "label")
_SHOWN_BY = ("name", "model", "address", "display", "cid", "label", "slug")
"""What stands for a nested object, the first that it has."""

_CONTEXTS = ("config_context", "local_context_data")
_NEVER = frozenset(
    [
        *("id", "url", "display", "display_url", "custom_fields", "parent_device", "device_bay"),
        *_CONTEXTS,
    ]
)
"""Addresses, what is taken apart, and contexts in which people keep credentials."""


def has_ci(thing: NetBoxObject) -> bool:
    """Whether an object is a thing of its own."""
    return thing.kind not in _NO_CIS


def has_context(thing: NetBoxObject) -> bool:
    """Whether an object carries a configuration context."""
    return any(thing.data.get(name) for name in _CONTEXTS)


def source_class(thing: NetBoxObject) -> str:
    """What the mapping goes by: the slug of a device's role, else the kind."""
    return role_of(thing.data) or thing.kind if thing.kind == DEVICE else thing.kind


def role_of(data: dict[str, Any]) -> str | None:
    """The slug of a role, or the name of one made into a slug; NetBox calls it so since 4.0."""
    role = data.get("role") or data.get("device_role")
    said = text_of(role) or next(
        (found for each in ("slug", "name") if (found := text_of(members(role).get(each)))), None
    )
    return re.sub(r"[^a-z0-9]+", "-", said.casefold()).strip("-") if said else None


def said_of(thing: NetBoxObject, mac_addresses: list[str]) -> dict[str, Any]:
    """The fields of an object by NetBox's names, nested ones as their names."""
    said: dict[str, Any] = {}
    for name, value in thing.data.items():
        if name not in _NEVER and value is not None:
            said[name] = shown(value)
    for name, value in members(thing.data.get("custom_fields")).items():
        said[f"custom_fields.{name}"] = shown(value)
    kind = members(thing.data.get("device_type"))
    if manufacturer := text_of(members(kind.get("manufacturer")).get("name")):
        said.setdefault("manufacturer", manufacturer)
    if thing.kind in (DEVICE, VM) and (host := _host_name(thing.name)):
        said["host_name"] = host
    if mac_addresses:
        said["mac_addresses"] = mac_addresses
    return said


def shown(value: Any) -> Any:
    """A choice as its value, a nested object as its name, a list as those of its items."""
    if isinstance(value, list):
        return [each for each in map(shown, value) if each not in (None, "")]
    if not isinstance(value, dict):
        return bounded(value)
    if value.keys() and value.keys() <= {*_CHOICE, "id"} and "value" in value:
        label = value.get("label")
        coded = isinstance(value["value"], int)  # before 2.7 choices had numbers
        return label if coded and isinstance(label, str) else bounded(value["value"])
    for name in _SHOWN_BY:
        if (found := text_of(value.get(name))) is not None:
            return found
    return bounded(value)


def _host_name(name: str | None) -> str | None:
    """The name where it is a full host name."""
    if name is None or name.count(".") < 2 or name.replace(".", "").isdigit():  # noqa: PLR2004
        return None
    try:
        return fqdn(name)
    except RefusedValueError:
        return None


def mac_addresses(things: Iterable[NetBoxObject], index: Index) -> dict[str, list[str]]:
    """The MAC addresses of devices and machines, from the lists of their interfaces."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in things:
        if each.kind not in (INTERFACE, VM_INTERFACE):
            continue
        kind, side = (DEVICE, "device") if each.kind == INTERFACE else (VM, "virtual_machine")
        said = [
            text_of(each.data.get("mac_address")),
            text_of(members(each.data.get("primary_mac_address")).get("mac_address")),
            *(
                text_of(members(mac).get("mac_address"))
                for mac in items(each.data.get("mac_addresses"))
            ),
        ]
        addresses = [address for address in said if address]
        if addresses and (key := index.find(kind, each.data.get(side), each.where)):
            found[key].update(address.lower() for address in addresses)
    return {key: sorted(addresses) for key, addresses in found.items()}


class Names:
    """Names for the CIs: NetBox keeps some apart by site, and some things have none."""

    def __init__(self, records: MappedRecords, things: dict[str, NetBoxObject]) -> None:
        self._service_name = records.mapping.option("service_name", "{name} on {parent}")
        plain = {key: self._plain(key, each) for key, each in things.items() if has_ci(each)}
        self._twice = Counter((things[key].kind, fold(name)) for key, name in plain.items())
        placed = {key: self._placed(things[key], name) for key, name in plain.items()}
        again = Counter((things[key].kind, fold(name)) for key, name in placed.items())
        self._names = {
            key: name
            if again[(things[key].kind, fold(name))] == 1 or things[key].id is None
            else f"{name} (#{things[key].id})"
            for key, name in placed.items()
        }

    def of(self, key: str) -> str:
        """The name of the CI with this key."""
        return self._names[key]

    def _plain(self, key: str, thing: NetBoxObject) -> str:
        name = thing.name
        if thing.kind == SERVICE and name is not None:
            parent = text_of(shown(parent_of(thing.data)))
            if parent is not None:
                return self._service_name.replace("{name}", name).replace("{parent}", parent)
        if name is not None:
            return name
        kind = members(thing.data.get("device_type"))
        said = text_of(kind.get("model")) or text_of(kind.get("display")) or thing.kind
        return f"{said} #{thing.id or key}"

    def _placed(self, thing: NetBoxObject, name: str) -> str:
        if self._twice[(thing.kind, fold(name))] == 1:
            return name
        place = shown(thing.data.get("site")) or shown(thing.data.get("cluster"))
        return f"{name} ({place})" if isinstance(place, str) else name


def parent_of(service: dict[str, Any]) -> Any:
    """What a service listens on, whichever of NetBox's ways says it."""
    for name in ("parent", "virtual_machine", "device", "parent_name"):
        if value := service.get(name):
            return value
    return None


def ci(
    records: MappedRecords, key: str, thing: NetBoxObject, name: str, macs: list[str]
) -> ParsedRecord | None:
    """The CI of an object; None where the mapping leaves it out."""
    said = said_of(thing, macs)
    said["name"] = name
    if name != thing.name and thing.name is not None:
        said["netbox_name"] = thing.name
    return records.ci(thing.where, key, source_class(thing), said)
