"""NetBox's tables: exports of its lists as CSV, and files in the form of its bulk import."""

import re
from collections.abc import Iterator
from typing import Any

from cmdb.importers.netbox.objects import (
    CABLE,
    CHASSIS,
    CLUSTER,
    DEVICE,
    FEED,
    LOCATION,
    PANEL,
    RACK,
    SERVICE,
    SITE,
    VM,
    NetBoxObject,
)
from cmdb.importers.records import Where
from cmdb.importers.tables import Row, Table
from cmdb.problems import problem
from cmdb.schemas import Problem

_HEADERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"side_a_device", "side_b_device"}), CABLE),
    (frozenset({"device_a", "device_b"}), CABLE),
    (frozenset({"name", "power_panel"}), FEED),
    (frozenset({"name", "ports", "parent"}), SERVICE),
    (frozenset({"name", "ports", "protocol"}), SERVICE),
    (frozenset({"name", "cluster", "vcpus"}), VM),
    (frozenset({"name", "device_type", "role", "site"}), DEVICE),
    (frozenset({"name", "type", "role", "site", "rack"}), DEVICE),
    (frozenset({"name", "serial", "role", "site", "rack"}), DEVICE),
    (frozenset({"name", "primary_ip", "role", "site", "rack"}), DEVICE),
    (frozenset({"name", "site", "u_height"}), RACK),
    (frozenset({"name", "site", "facility_id"}), RACK),
    (frozenset({"name", "master", "domain"}), CHASSIS),
    (frozenset({"name", "powerfeed_count", "site"}), PANEL),
    (frozenset({"name", "type", "group", "vms"}), CLUSTER),
    (frozenset({"name", "type", "group", "virtual_machines"}), CLUSTER),
    (frozenset({"name", "slug", "facility", "site"}), LOCATION),
    (frozenset({"name", "site", "racks", "devices"}), LOCATION),
    (frozenset({"name", "facility", "region"}), SITE),
    (frozenset({"name", "slug", "region", "time_zone"}), SITE),
)
"""Columns that tell what a table lists, under NetBox's field names; the first that fit count."""

_FIELDS = {
    "device_role": "role",
    "serial_number": "serial",
    "ip_address": "primary_ip",
    "ipv4_address": "primary_ip4",
    "ipv6_address": "primary_ip6",
    "height": "u_height",
    "height_u": "u_height",
    "feeds": "powerfeed_count",
    "power_feeds": "powerfeed_count",
    "memory_mb": "memory",
    "parent_device": "parent",
}
"""NetBox's field by a column's label, where it is not the same in lower case."""

_REFERENCES = frozenset(
    [
        *("site", "location", "rack", "cluster", "virtual_chassis", "power_panel", "device"),
        *("virtual_machine", "parent", "master", "tenant", "role", "platform", "manufacturer"),
    ]
)
_ADDRESSES = frozenset({"primary_ip", "primary_ip4", "primary_ip6"})
_SIDES = ("a", "b")


def table_kind(table: Table) -> tuple[str, frozenset[str]] | None:
    """What a table lists, and the columns that tell it; None where it is not one of NetBox's."""
    names = {_field(column) for column in table.header}
    return next(((kind, told) for told, kind in _HEADERS if told <= names), None)


def rows(tables: list[Table], file: str) -> Iterator[NetBoxObject | Problem]:
    """The objects of the tables that are NetBox's."""
    for table in tables:
        yield from table.warnings
        found = table_kind(table)
        if found is None:
            yield problem(
                "unknown_netbox_table",
                "the header fits none of NetBox's tables",
                where=Where(file, table.header_line),
                value=", ".join(table.header),
                hint="export the whole table: devices need the columns Name, Role, Site and Type",
            )
            continue
        for row in table.rows():
            yield (
                row
                if isinstance(row, Problem)
                else NetBoxObject(found[0], _object(found[0], row), row.where)
            )


def _object(kind: str, row: Row) -> dict[str, Any]:
    """A row as the REST API would say it, with names alone for what it refers to."""
    data: dict[str, Any] = {}
    for column, cell in row.cells.items():
        if cell == "—":  # how NetBox shows an empty cell
            continue
        name = _field(column)
        if name == "type" and kind == DEVICE:
            name = "device_type"
        if name == "parent" and kind == SERVICE:
            name = "parent_name"
        data.setdefault(name, _value(name, cell))
    if kind == CABLE:
        data |= {f"{side}_terminations": _terminations(data, side) for side in _SIDES}
    return data


def _value(name: str, cell: str) -> Any:
    if name in _REFERENCES:
        return {"name": cell}
    if name in _ADDRESSES:
        return {"address": cell}
    if name == "device_type":
        return {"model": cell}
    if name == "tags":
        return [tag for each in cell.split(",") if (tag := each.strip())]
    return cell


def _terminations(data: dict[str, Any], side: str) -> list[dict[str, Any]]:
    """The ends of one side; a table names the device, and the port only by its name."""
    device = data.get(f"device_{side}") or data.get(f"side_{side}_device")
    port = data.get(f"termination_{side}") or data.get(f"side_{side}_name")
    kind = data.get(f"side_{side}_type")
    if not isinstance(device, str):
        return []
    return [
        {
            "object_type": kind or "",
            "object": {"name": port, "device": {"name": each.strip()}},
        }
        for each in device.split(",")
    ]


def _field(column: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", column.casefold()).strip("_")
    if name.startswith("cf_"):  # how the bulk import and newer exports name custom fields
        return f"custom_fields.{name.removeprefix('cf_')}"
    return _FIELDS.get(name, name)
