"""NetBox's objects as its REST API lists them: what kind a page holds, and whether it is whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.records import Kind, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

DEVICE, VM, CLUSTER = "dcim.device", "virtualization.virtualmachine", "virtualization.cluster"
SITE, LOCATION, RACK = "dcim.site", "dcim.location", "dcim.rack"
FEED, PANEL = "dcim.powerfeed", "dcim.powerpanel"
CHASSIS, SERVICE, CABLE = "dcim.virtualchassis", "ipam.service", "dcim.cable"
INTERFACE, VM_INTERFACE = "dcim.interface", "virtualization.vminterface"
POWER_PORT, POWER_OUTLET = "dcim.powerport", "dcim.poweroutlet"

KINDS = {
    "dcim/devices": DEVICE,
    "dcim/sites": SITE,
    "dcim/locations": LOCATION,
    "dcim/racks": RACK,
    "dcim/power-feeds": FEED,
    "dcim/power-panels": PANEL,
    "dcim/virtual-chassis": CHASSIS,
    "dcim/cables": CABLE,
    "dcim/interfaces": INTERFACE,
    "dcim/power-ports": POWER_PORT,
    "dcim/power-outlets": POWER_OUTLET,
    "ipam/services": SERVICE,
    "virtualization/clusters": CLUSTER,
    "virtualization/virtual-machines": VM,
    "virtualization/interfaces": VM_INTERFACE,
}
"""What is read, by the end of its address below `/api/`."""

_BY_FIELDS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"a_terminations", "b_terminations"}), CABLE),
    (frozenset({"termination_a_id", "termination_b_id"}), CABLE),
    (frozenset({"power_panel", "amperage"}), FEED),
    (frozenset({"device_type", "role"}), DEVICE),
    (frozenset({"device_type", "device_role"}), DEVICE),
    (frozenset({"vcpus", "memory"}), VM),
    (frozenset({"ports", "protocol"}), SERVICE),
    (frozenset({"u_height", "desc_units"}), RACK),
    (frozenset({"powerfeed_count"}), PANEL),
    (frozenset({"virtualmachine_count", "type"}), CLUSTER),
    (frozenset({"master", "member_count"}), CHASSIS),
    (frozenset({"rack_count", "parent", "site"}), LOCATION),
    (frozenset({"facility", "region"}), SITE),
)
"""Fields that tell a kind where an object has no `url`; the first that are all there count."""


@dataclass(frozen=True, slots=True)
class NetBoxObject:
    """One object; of a table row too, with names for what it refers to."""

    kind: str
    data: dict[str, Any]
    where: Where

    @property
    def id(self) -> str | None:
        return text_of(self.data.get("id"))

    @property
    def name(self) -> str | None:
        return text_of(self.data.get("name"))


def endpoint_of(value: Any) -> str | None:
    """`dcim/devices` of an object whose `url` is an address of NetBox's API."""
    return _endpoint(text_of(members(value).get("url")))


def kind_of(value: dict[str, Any]) -> str | None:
    """The kind of an object: by its `url`, else by its fields."""
    endpoint = endpoint_of(value)
    if endpoint is not None:
        return KINDS.get(endpoint)
    return next((kind for fields, kind in _BY_FIELDS if fields <= value.keys()), None)


def is_page(document: Any) -> bool:
    """Whether a document has the shape of a list page."""
    return (
        isinstance(document, dict)
        and "count" in document
        and isinstance(document.get("results"), list)
    )


def listed(document: Any) -> tuple[str, list[Any]] | None:
    """The objects of a document and the pointer of their list; None where it has none."""
    if is_page(document):
        return "/results", document["results"]
    if isinstance(document, list):
        return "", document
    if isinstance(document, dict) and kind_of(document) is not None:
        return "", [document]
    return None


def objects(document: Any, file: str) -> Iterator[NetBoxObject | Problem]:
    """The objects of a page, of a bare list of pages or objects, or the one that the file is."""
    found = listed(document)
    if found is None:
        yield problem(
            "unexpected_shape",
            "this is no list page of NetBox's REST API",
            where=Where(file, None, ""),
            value=document,
            hint='{"count": 1, "next": null, "previous": null, "results": [{…}]}',
        )
        return
    pointer, entries = found
    unknown: dict[str, int] = {}
    for position, entry in enumerate(entries):
        place = f"{pointer}/{position}" if isinstance(document, list) or pointer else ""
        where = Where(file, None, place)
        if isinstance(entry, dict) and is_page(entry) and isinstance(document, list):
            yield from _of_page(entry, where, unknown)
        else:
            yield from _object(entry, where, unknown)
    for name, count in sorted(unknown.items()):
        yield problem(
            "unknown_netbox_kind",
            f"{count:,} objects of {name} were left out: such are not read",
            where=Where(file),
            severity=Severity.WARNING,
            value=name,
            hint="read are " + ", ".join(sorted(KINDS)),
        )


def _of_page(
    page: dict[str, Any], where: Where, unknown: dict[str, int]
) -> Iterator[NetBoxObject | Problem]:
    for position, entry in enumerate(items(page["results"])):
        place = where._replace(pointer=f"{where.pointer}/results/{position}")
        yield from _object(entry, place, unknown)


def _object(entry: Any, where: Where, unknown: dict[str, int]) -> Iterator[NetBoxObject | Problem]:
    if not isinstance(entry, dict):
        yield problem(
            "unexpected_shape", "this must be an object", where=where, kind=Kind.CI, value=entry
        )
        return
    kind = kind_of(entry)
    if kind is None:
        name = endpoint_of(entry) or "an unknown kind"
        unknown[name] = unknown.get(name, 0) + 1
    else:
        yield NetBoxObject(kind, entry, where)


def pages(document: Any) -> list[dict[str, Any]]:
    """The list pages that a document holds."""
    if isinstance(document, list):
        return [each for each in document if is_page(each)]
    return [document] if is_page(document) else []


def missing_pages(found: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[Problem]:
    """A warning for each page, given with its file, whose neighbour is not among them."""
    starts = {_list_of(page): set[int]() for _, page in found}
    for _, page in found:
        starts[_list_of(page)].add(_start(page))
    for file, page in found:
        for side in ("next", "previous"):
            address = text_of(page.get(side))
            if address is None or _offset(address) in starts[_list_of(page)]:
                continue
            yield problem(
                "incomplete_listing",
                f"the page's {side!r} says that there is another page, which is not in this load: "
                "nothing is retired",
                where=Where(file, None, f"/{side}"),
                severity=Severity.WARNING,
                value=page.get("count"),
                hint="load all pages together, or fetch the list with ?limit=0",
            )


def _endpoint(address: str | None) -> str | None:
    path = _split(address)[0]
    _, separator, rest = path.rpartition("/api/")
    parts = rest.split("/")
    if not separator or len(parts) < 2 or not all(parts[:2]):  # noqa: PLR2004 - app and list
        return None
    return "/".join(parts[:3] if parts[0] == "plugins" else parts[:2])


def _split(address: str | None) -> tuple[str, dict[str, list[str]]]:
    try:
        parts = urlsplit(address or "")
        return parts.path, parse_qs(parts.query)
    except ValueError:
        return "", {}


def _list_of(page: dict[str, Any]) -> str:
    """What tells one list from another: its endpoint and filters."""
    address = text_of(page.get("next")) or text_of(page.get("previous"))
    path, query = _split(address)
    if address is None:
        return next((end for each in items(page["results"]) if (end := endpoint_of(each))), "")
    filters = {name: query[name] for name in sorted(query) if name not in ("limit", "offset")}
    return f"{_endpoint(address) or path}?{urlencode(filters, doseq=True)}"


def _start(page: dict[str, Any]) -> int:
    """The offset of a page's first object, as its neighbours' addresses say it."""
    following, before = text_of(page.get("next")), text_of(page.get("previous"))
    if following is not None:
        return _offset(following) - _number(following, "limit")
    if before is not None:
        return _offset(before) + _number(before, "limit")
    return 0


def _offset(address: str) -> int:
    return _number(address, "offset")


def _number(address: str, name: str) -> int:
    said = _split(address)[1].get(name, ["0"])[0]
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 12 else 0  # noqa: PLR2004
