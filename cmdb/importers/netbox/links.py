"""What NetBox's objects say of one another, as relationships: where things are and run."""

from collections.abc import Iterator
from typing import Any

from cmdb.importers.gathered import Link
from cmdb.importers.json_values import members, text_of
from cmdb.importers.mapping import Mapping
from cmdb.importers.netbox.index import Index
from cmdb.importers.netbox.objects import (
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

_PARENT_KINDS = frozenset({DEVICE, VM})


def links(index: Index, mapping: Mapping) -> Iterator[Link]:
    """Everything but what runs over cables."""
    hosted: set[str | None] = {
        told
        for each in index.things.values()
        if each.kind == DEVICE and (told := _told(each.data.get("cluster")))
    }
    for key, each in list(index.things.items()):
        yield from _links_of(key, each, index, mapping, hosted)
    for key, each in list(index.made.items()):
        if each.kind in (RACK, LOCATION):
            yield from _placed(key, each, index)


def _links_of(
    key: str, thing: NetBoxObject, index: Index, mapping: Mapping, hosted: set[str | None]
) -> Iterator[Link]:
    if thing.kind == DEVICE:
        yield from _device(key, thing, index, mapping)
    elif thing.kind == VM:
        yield from _machine(key, thing, index, mapping)
    elif thing.kind == SERVICE:
        yield from _service(key, thing, index)
    elif thing.kind == FEED:
        panel = index.find(PANEL, thing.data.get("power_panel"), thing.where)
        if panel:
            yield Link("power feed from panel", key, panel, thing.where)
    elif thing.kind in (RACK, LOCATION, PANEL) or (
        thing.kind == CLUSTER and not {_told(thing.data), thing.name} & hosted
    ):
        yield from _placed(key, thing, index)


def _device(key: str, thing: NetBoxObject, index: Index, mapping: Mapping) -> Iterator[Link]:
    data, where = thing.data, thing.where
    site = data.get("site")
    parent = _parent_device(data)
    if parent and (found := index.find(DEVICE, parent, where, site)):
        yield Link("device installed in device", key, found, where)
    elif rack := index.find(RACK, data.get("rack"), where, site):
        yield Link("device in rack", key, rack, where)
    else:
        yield from _placed(key, thing, index)
    if chassis := index.find(CHASSIS, data.get("virtual_chassis"), where):
        yield Link("device in virtual chassis", key, chassis, where)
    if cluster := index.find(CLUSTER, data.get("cluster"), where):
        group = mapping.option("cluster_group", "hosts") or None
        min_up = mapping.option("cluster_min_up") or None
        yield Link("cluster has host", cluster, key, where, group, min_up)


def _machine(key: str, thing: NetBoxObject, index: Index, mapping: Mapping) -> Iterator[Link]:
    data, where = thing.data, thing.where
    cluster = index.find(CLUSTER, data.get("cluster"), where)
    if cluster:
        yield Link("virtual machine in cluster", key, cluster, where)
    if data.get("device") and (cluster is None or mapping.flag("vm_depends_on_its_host")):
        device = index.find(DEVICE, data.get("device"), where, data.get("site"))
        if device:
            yield Link("virtual machine on device", key, device, where)
    elif cluster is None:
        yield from _placed(key, thing, index)


def _placed(key: str, thing: NetBoxObject, index: Index) -> Iterator[Link]:
    """In the location of an object, else in its site; a location in the one around it."""
    data, where = thing.data, thing.where
    site = data.get("site") or _scope(data, SITE)
    around = data.get("parent") if thing.kind == LOCATION else data.get("location")
    around = around or _scope(data, LOCATION)
    place = index.find(LOCATION, around, where, site) or index.find(SITE, site, where)
    if place:
        yield Link(f"{thing.kind.partition('.')[2]} in place", key, place, where)


def _service(key: str, thing: NetBoxObject, index: Index) -> Iterator[Link]:
    data, where = thing.data, thing.where
    candidates: list[tuple[str, Any]]
    kind = text_of(data.get("parent_object_type"))
    if kind is not None:
        said = members(data.get("parent")) or {"name": data.get("parent_name")}
        candidates = [(kind, {**said, "id": data.get("parent_object_id")})]
    elif name := text_of(data.get("parent_name")):
        known = [each for each in (DEVICE, VM) if index.knows(each, name)] or [DEVICE]
        candidates = [(known[0], {"name": name})]
    else:
        candidates = [(DEVICE, data.get("device")), (VM, data.get("virtual_machine"))]
    for each, parent in candidates:
        if each not in _PARENT_KINDS:
            index.count_missing(each)
        elif found := index.find(each, parent, where):
            yield Link("service on host", key, found, where)


def _parent_device(data: dict[str, Any]) -> Any:
    """The chassis of a blade: NetBox names it, tables call it the parent."""
    return data.get("parent_device") or data.get("parent")


def _scope(data: dict[str, Any], kind: str) -> Any:
    """What an object's scope is since NetBox 4.2, where it is of `kind`."""
    if text_of(data.get("scope_type")) == kind:
        return {**members(data.get("scope")), "id": data.get("scope_id")}
    return None


def _told(reference: Any) -> str | None:
    """A text by which two mentions of one cluster are the same."""
    said = members(reference)
    return text_of(said.get("id")) or text_of(said.get("name"))
