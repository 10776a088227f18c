"""From an Ansible inventory to records: hosts as CIs, groups where the mapping asks for them."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from cmdb.importers.ansible.inventory import ALL, IMPLICIT, Inventory
from cmdb.importers.ansible.variables import ADDRESSES
from cmdb.importers.host_patterns import is_address
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.protocol import Item
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Severity

CONTAINS, IN_GROUP = "contains", "in_group"
"""The names under which a mapping says what a group's hosts become."""

_DOMAIN_NAME = re.compile(r"(?=.{1,253}$)(?:[\w-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62}\.?")


def records(inventory: Inventory, mapping: Mapping, file: Where) -> Iterator[Item]:
    """Everything that the inventory says, and a warning for what was left out."""
    mapped = MappedRecords(mapping)
    clusters = _groups(inventory, mapping, "groups_as_clusters")
    plain = [
        each for each in _groups(inventory, mapping, "groups_as_items") if each not in clusters
    ]
    yield KindSeen(Kind.CI)
    shown: set[str] = set()
    for host, ci in _hosts(inventory, mapped):
        if ci is not None:
            shown.add(host)
            yield ci
    if len(shown) < len(inventory.hosts):
        yield problem(
            "hosts_left_out",
            f"hosts that the mapping leaves out: {len(inventory.hosts) - len(shown):,}",
            where=file,
            severity=Severity.WARNING,
            hint="they are named there under [ignore]",
        )
    if clusters or plain:
        yield KindSeen(Kind.RELATIONSHIP)
    for group in clusters:
        yield from _group(inventory, mapped, group, shown, "cluster_class", cluster=True)
    for group in plain:
        yield from _group(inventory, mapped, group, shown, "item_class", cluster=False)
    yield from _undefined_groups(inventory)
    yield from mapped.warnings(file.file)


def _hosts(
    inventory: Inventory, mapped: MappedRecords
) -> Iterator[tuple[str, ParsedRecord | None]]:
    mapping = mapped.mapping
    rules = list(mapping.classes)
    rank = {
        group: next((at for at, rule in enumerate(rules) if matches(group, [rule])), len(rules))
        for group in {ALL, *inventory.groups}
    }
    for host, groups in inventory.groups_of_hosts().items():
        if any(mapping.ignores_class(group) for group in groups):
            yield host, None
            continue
        first = min(rank[group] for group in groups)
        said = inventory.variables_of(host, groups)
        addresses = [said.pop(name) for name in ADDRESSES if name in said]
        said |= _reached_as(host, addresses)
        said["name"] = host.partition(".")[0] if _short(mapping, host) else host
        said["groups"] = sorted(set(groups) - IMPLICIT)
        source_class = rules[first] if first < len(rules) else ALL
        yield host, mapped.ci(inventory.hosts[host].where, host, source_class, said)


def _group(
    inventory: Inventory,
    mapped: MappedRecords,
    group: str,
    shown: set[str],
    class_option: str,
    *,
    cluster: bool,
) -> Iterator[Item]:
    """A group as a CI, with the relationships between it and its hosts."""
    mapping = mapped.mapping
    where = inventory.groups[group].where
    key = f"group:{group}"
    said = {"name": group, "ci_class": mapping.option(class_option)}
    ci = mapped.ci(where, key, ALL, said)
    if ci is None:
        return
    yield ci
    for host in inventory.hosts_below(group):
        if host not in shown:
            continue
        relationship = (
            mapped.relationship(
                where,
                CONTAINS,
                key,
                host,
                redundancy_group="hosts",
                min_up=mapping.option("cluster_min_up") or None,
            )
            if cluster
            else mapped.relationship(where, IN_GROUP, host, key)
        )
        if relationship is not None:
            yield relationship


def _undefined_groups(inventory: Inventory) -> Iterator[Item]:
    for name, group in inventory.groups.items():
        for child, where in group.children.items():
            if child not in inventory.groups:
                yield problem(
                    "undefined_group",
                    f"the group {name!r} has a child {child!r}, which no file describes",
                    where=where,
                    severity=Severity.WARNING,
                    value=child,
                    hint="load the file that describes it together with this one",
                )


def _groups(inventory: Inventory, mapping: Mapping, option: str) -> list[str]:
    """The groups that an option asks for."""
    wanted = mapping.listed(option)
    return [
        group
        for group in sorted(inventory.groups)
        if group not in IMPLICIT and matches(group, wanted) and not mapping.ignores_class(group)
    ]


def _reached_as(host: str, addresses: list[Any]) -> dict[str, Any]:
    """The address and the full name that a host's own name and the way to reach it say."""
    said: dict[str, Any] = {}
    for each in [host, *(each.strip() for each in addresses if isinstance(each, str))]:
        if is_address(each) and not ipaddress.ip_address(each).is_loopback:
            said.setdefault("ip_address", each)
        elif _DOMAIN_NAME.fullmatch(each):
            if said.setdefault("fqdn", each) != each:
                said["ansible_host"] = each
        elif each and each != host:
            said["ansible_host"] = each
    return said


def _short(mapping: Mapping, host: str) -> bool:
    return mapping.flag("short_names") and bool(_DOMAIN_NAME.fullmatch(host))
