"""An Ansible inventory in memory: hosts, groups, and which variables reach which host."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cmdb.importers.records import Where

ALL, UNGROUPED = "all", "ungrouped"
IMPLICIT = frozenset([ALL, UNGROUPED])
"""Groups that every inventory has."""

MOST_HOSTS_BY_RANGES = 100_000
"""Hosts that the ranges of one load may stand for together."""


@dataclass
class Host:
    """A host where it is first described, with the variables that are set at it."""

    where: Where
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass
class Group:
    """A group with what is said of it directly."""

    where: Where
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Where] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


class Inventory:
    """What all files of a load say together; what is said later replaces what was said before."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.groups: dict[str, Group] = {}
        self.ranged = 0
        """Hosts that came out of ranges so far."""

    def host(self, name: str, where: Where) -> Host:
        """The host called `name`, made where it is new."""
        return self.hosts.setdefault(name, Host(where))

    def group(self, name: str, where: Where) -> Group:
        """The group called `name`, made where it is new."""
        return self.groups.setdefault(name, Group(where))

    def hosts_below(self, group: str) -> dict[str, None]:
        """The hosts of a group and of the groups in it; groups in a circle are all the same."""
        found: dict[str, None] = {}
        for name in _reached([group], self._children):
            if name in self.groups:
                found |= self.groups[name].hosts
        return found

    def groups_of_hosts(self) -> dict[str, list[str]]:
        """By host: its groups and those around them, in the order in which variables are set."""
        parents: dict[str, dict[str, None]] = {}
        own: dict[str, dict[str, None]] = {}
        for name, group in self.groups.items():
            for child in group.children:
                parents.setdefault(child, {})[name] = None
            for host in group.hosts:
                own.setdefault(host, {})[name] = None
        depth = self._depths(parents)
        above: dict[str, frozenset[str]] = {
            name: frozenset(_reached([name], lambda each: parents.get(each, {})))
            for name in {each for groups in own.values() for each in groups}
        }
        return {
            host: sorted(
                {ALL}.union(*(above[each] for each in own.get(host, {}))),
                key=lambda name: (depth.get(name, 0), name),
            )
            for host in self.hosts
        }

    def variables_of(self, host: str, groups: Iterable[str]) -> dict[str, Any]:
        """What holds for a host: its own variables before those of its groups, inner ones first."""
        found: dict[str, Any] = {}
        for name in groups:
            if name in self.groups:
                found |= self.groups[name].variables
        return found | self.hosts[host].variables

    def _children(self, group: str) -> Iterable[str]:
        return self.groups[group].children if group in self.groups else ()

    def _depths(self, parents: dict[str, dict[str, None]]) -> dict[str, int]:
        """How far from `all` each group is, by the longest way; circles end the way."""
        waiting = {name: len(parents.get(name, {})) for name in self.groups}
        depth = {name: int(name != ALL) for name in self.groups}
        ready = [name for name, count in waiting.items() if not count]
        for name in ready:
            for child in self._children(name):
                if child in waiting:
                    depth[child] = max(depth[child], depth[name] + 1)
                    waiting[child] -= 1
                    if not waiting[child]:
                        ready.append(child)
        return depth


def _reached(start: list[str], following: Callable[[str], Iterable[str]]) -> dict[str, None]:
    found = dict.fromkeys(start)
    for name in (queue := list(start)):
        for each in following(name):
            if each not in found:
                found[each] = None
                queue.append(each)
    return found
