"""Pages as NetBox's REST API gives them, and what the importer makes of them."""

import json
from collections.abc import Sequence
from typing import Any

from cmdb.importers import netbox
from cmdb.importers.mapping import read_mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext
from cmdb.importers.records import InputFile, Kind, ParsedRecord
from cmdb.importers.registry import default_mapping
from cmdb.schemas import Problem

API = "https://netbox.example/api/"
ENDPOINTS = {
    "device": "dcim/devices",
    "vm": "virtualization/virtual-machines",
    "cluster": "virtualization/clusters",
    "rack": "dcim/racks",
    "site": "dcim/sites",
    "location": "dcim/locations",
    "feed": "dcim/power-feeds",
    "cable": "dcim/cables",
    "chassis": "dcim/virtual-chassis",
    "service": "ipam/services",
    "interface": "dcim/interfaces",
    "power_port": "dcim/power-ports",
}


def nested(what: str, number: int, name: str | None, **more: Any) -> dict[str, Any]:
    """An object as the API lists it, or as it stands within another."""
    url = f"{API}{ENDPOINTS[what]}/{number}/"
    return {"id": number, "url": url, "display": name or "", "name": name, **more}


def device(number: int, name: str | None, role: str = "server", **more: Any) -> dict[str, Any]:
    return nested(
        "device",
        number,
        name,
        **{
            "role": {"id": 1, "name": role.title(), "slug": role},
            "device_type": {"id": 4, "model": "R640", "manufacturer": {"id": 1, "name": "Dell"}},
            "status": {"value": "active", "label": "Active"},
            "site": nested("site", 1, "ham1"),
            **more,
        },
    )


def end(number: int, kind: str = "interface", port: str = "eth0") -> dict[str, Any]:
    """A cable's end at a port of the device with this number."""
    said = {"id": 900, "name": port, "device": nested("device", number, f"d{number}")}
    return {"object_type": f"dcim.{kind}", "object_id": 900, "object": said}


def cable(number: int, a: dict[str, Any], b: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"a_terminations": [a], "b_terminations": [b], **more}
    return nested("cable", number, None, **said)


def page(*results: Any, **more: Any) -> str:
    said = {"count": len(results), "next": None, "previous": None, "results": results, **more}
    return json.dumps(said)


def items_of(files: Sequence[tuple[str, str]], mapping: str = "") -> list[Item]:
    own = read_mapping(InputFile("own.toml", mapping.encode()))
    context = ReadContext(own.over(default_mapping("netbox")))
    opened = [OpenedFile(name, text.encode()) for name, text in files]
    return list(netbox.read(opened, context))


class Read:
    """What came of some files."""

    def __init__(self, *texts: str, mapping: str = "") -> None:
        names = [f"{number}.json" for number in range(len(texts))]
        self.items = items_of(list(zip(names, texts, strict=True)), mapping)
        records = [each for each in self.items if isinstance(each, ParsedRecord)]
        self.cis = {r.fields["key"]: r for r in records if r.kind is Kind.CI}
        self.links = {
            (r.fields["dependent"], r.fields["type"], r.fields["provider"]): (
                r.fields.get("redundancy_group"),
                r.fields.get("min_up"),
            )
            for r in records
            if r.kind is Kind.RELATIONSHIP
        }
        self.problems = [each for each in self.items if isinstance(each, Problem)]
        self.codes = [each.code for each in self.problems]
