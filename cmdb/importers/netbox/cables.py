"""What NetBox's cables and connected ports say: where power comes from, what is upstream."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cmdb.importers.gathered import Link
from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.netbox.index import Index
from cmdb.importers.netbox.objects import (
    CABLE,
    DEVICE,
    FEED,
    INTERFACE,
    POWER_OUTLET,
    POWER_PORT,
    NetBoxObject,
)
from cmdb.importers.netbox.records import role_of, shown
from cmdb.importers.records import Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_PASSED_THROUGH = frozenset({"dcim.frontport", "dcim.rearport"})
_CONSOLES = frozenset({"dcim.consoleport", "dcim.consoleserverport"})
_UNTOLD = ""
"""The type of an end of which a table says only the device."""
_GROUPED = {
    "device powered by": ("power", "power_redundancy"),
    "device uplink": ("uplinks", "uplink_redundancy"),
}
"""By relationship: the group that several of one device form, and the option that lets them."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: the type of the port, whose it is, what it is called."""

    type: str
    key: str
    port: str
    management: bool = False


class Cables:
    """The relationships that connections make."""

    def __init__(self, index: Index, mapping: Mapping) -> None:
        self._index = index
        self._mapping = mapping
        self._left_out: Counter[str] = Counter()
        self._ranks = _listed(mapping, "upstream_roles")
        self._rank_of: dict[str, int] = {}
        self._management = _listed(mapping, "management_ports")
        self._statuses = _listed(mapping, "cable_statuses")

    def links(self) -> Iterator[Link]:
        """One for each pair of things, whatever number of cables joins them."""
        found: dict[tuple[str, str, str], Link] = {}
        for end, other, where in self._connections():
            link = self._link(end, other, where)
            if link is not None:
                found.setdefault((link.name, link.this, link.that), link)
        providers: dict[tuple[str, str], int] = Counter((name, this) for name, this, _ in found)
        dependent = {frozenset(ends) for name, *ends in found if name in _GROUPED}
        for (name, this, that), link in found.items():
            if name not in _GROUPED and {this, that} in dependent:
                continue  # what carries failure says more
            group, option = _GROUPED.get(name, ("", ""))
            if group and providers[(name, this)] > 1 and self._mapping.flag(option):
                yield Link(name, this, that, link.where, group, 1)
            else:
                yield link

    def warnings(self, file: str) -> Iterator[Problem]:
        """What of the cabling was left out, and why."""
        for why, count in sorted(self._left_out.items()):
            yield problem(
                "cables_left_out",
                f"{count:,} cables were left out: {why}",
                where=Where(file),
                severity=Severity.WARNING,
                hint="the lists of /api/dcim/interfaces/ and /api/dcim/power-ports/ tell what is "
                "at the other end behind patch panels",
            )

    def _connections(self) -> Iterator[tuple[End, End, Where]]:
        for thing in list(self._index.things.values()):
            if thing.kind == CABLE:
                yield from self._of_cable(thing)
            elif thing.kind in (INTERFACE, POWER_PORT, POWER_OUTLET):
                yield from self._of_port(thing)

    def _of_cable(self, cable: NetBoxObject) -> Iterator[tuple[End, End, Where]]:
        status = shown(cable.data.get("status"))
        if isinstance(status, str) and status and not matches(status, self._statuses):
            self._left_out[f"their status is {status!r}"] += 1
            return
        sides = [_terminations(cable.data, side) for side in ("a", "b")]
        types = {kind for side in sides for kind, _ in side}
        if types & _PASSED_THROUGH:
            self._left_out["they end at a front or rear port, such as a patch panel's"] += 1
            return
        if types & _CONSOLES:
            self._left_out["they are console cables"] += 1
            return
        ends = [[self._end(kind, said, cable.where) for kind, said in side] for side in sides]
        if not all(ends):
            self._left_out["an end is missing"] += 1
        for end in ends[0]:
            for other in ends[1]:
                if end is not None and other is not None:
                    yield end, other, cable.where

    def _of_port(self, port: NetBoxObject) -> Iterator[tuple[End, End, Where]]:
        data = port.data
        peers = items(data.get("connected_endpoints"))
        if peer := data.get("connected_endpoint"):  # before NetBox 3.3 there was one
            peers = [*peers, peer]
        kind = data.get("connected_endpoints_type") or data.get("connected_endpoint_type")
        if not peers or data.get("connected_endpoints_reachable") is False:
            return
        this = self._end(port.kind, data, port.where)
        for each in peers:
            other = self._end(text_of(kind) or _UNTOLD, members(each), port.where)
            if this is not None and other is not None:
                yield this, other, port.where

    def _end(self, kind: str, said: dict[str, Any], where: Where) -> End | None:
        port = text_of(said.get("name")) or text_of(said.get("display")) or ""
        if kind == FEED:
            key = self._index.find(FEED, said, where)
        elif "device" in said:
            key = self._index.find(DEVICE, said.get("device"), where)
        else:
            key = None
            self._index.count_missing(kind or CABLE)
        if key is None:
            return None
        management = said.get("mgmt_only") is True or matches(port, self._management)
        return End(kind, key, port, management)

    def _link(self, end: End, other: End, where: Where) -> Link | None:
        if end.key == other.key:
            return None
        if powered := self._powered(end, other):
            return Link("device powered by", *powered, where)
        if end.management or other.management:
            low, high = sorted((end.key, other.key))
            return Link("management cable", low, high, where)
        rank, other_rank = self._rank(end.key), self._rank(other.key)
        if rank == other_rank:
            low, high = sorted((end.key, other.key))
            return Link("cable between equals", low, high, where)
        if rank < other_rank:
            return Link("device uplink", end.key, other.key, where)
        return Link("device uplink", other.key, end.key, where)

    def _powered(self, end: End, other: End) -> tuple[str, str] | None:
        """What is powered, and by what; None where the connection carries no power."""
        for this, that in ((end, other), (other, end)):
            if this.type == POWER_PORT:
                return this.key, that.key
        if _UNTOLD in (end.type, other.type):
            powers = [self._is_power(each.key) for each in (end, other)]
            if powers[0] != powers[1]:
                return (other.key, end.key) if powers[0] else (end.key, other.key)
        return None

    def _is_power(self, key: str) -> bool:
        thing = self._index.things[key]
        role = role_of(thing.data)
        return role is not None and self._mapping.ci_class(role) == "power"

    def _rank(self, key: str) -> int:
        """How far upstream a device is; 0 where the option does not name its role."""
        role = role_of(self._index.things[key].data) or ""
        if role not in self._rank_of:
            named = [
                position
                for position, patterns in enumerate(self._ranks, start=1)
                if matches(role, (each.strip() for each in patterns.split(",")))
            ]
            self._rank_of[role] = max(named, default=0)
        return self._rank_of[role]


def _terminations(data: dict[str, Any], side: str) -> list[tuple[str, dict[str, Any]]]:
    """The ends on one side: their type and the port; before NetBox 3.3 there was one."""
    listed = data.get(f"{side}_terminations")
    if isinstance(listed, list):
        return [
            (text_of(each.get("object_type")) or _UNTOLD, members(each.get("object")))
            for each in listed
            if isinstance(each, dict)
        ]
    kind = text_of(data.get(f"termination_{side}_type"))
    said = members(data.get(f"termination_{side}"))
    return [(kind, said)] if kind else []


def _listed(mapping: Mapping, name: str) -> list[str]:
    said = mapping.options.get(name, [])
    return said if isinstance(said, list) else [str(said)]
