"""Ansible inventories in JSON and YAML: a tree of groups, or the flat list of the command line."""

import re
from collections.abc import Iterator
from typing import Any

from cmdb.importers.ansible.inventory import MOST_HOSTS_BY_RANGES, Group, Inventory
from cmdb.importers.ansible.variables import Admission
from cmdb.importers.host_patterns import PatternError, expand, split_port
from cmdb.importers.named import named
from cmdb.importers.records import Kind, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

META = "_meta"
SECTIONS = frozenset(["hosts", "children", "vars"])

_GROUP_LINE = re.compile(r"[\w.-]+:")
_SECTION_LINE = re.compile(r"(?:hosts|children):( *\{.*)?")


def looks_like_yaml(head: bytes) -> bool:
    """Whether the head of a YAML file has a group, and directly in it named hosts or groups."""
    in_group = False
    indent = section = 0
    for raw in head.decode("utf-8-sig", "replace").splitlines():
        line = raw.partition(" #")[0].rstrip()
        words = line.lstrip(" ")
        if not words or words.startswith("#"):
            continue
        depth = len(line) - len(words)
        if section:
            return depth > section and not words.startswith("- ")
        if not depth:
            in_group, indent = _GROUP_LINE.fullmatch(line) is not None, 0
        elif in_group and depth == (indent := indent or depth):
            found = _SECTION_LINE.fullmatch(words)
            if found and found[1]:
                return True
            section = depth if found else 0
    return section > 0


def take_in(
    document: Any, file: str, inventory: Inventory, admission: Admission
) -> Iterator[Problem]:
    """Add what one document says to the inventory."""
    top = Where(file, getattr(document, "line", None), "")
    if not isinstance(document, dict):
        yield problem(
            "unexpected_shape",
            "an inventory is an object of groups",
            where=top,
            value=document,
            hint="all: {children: {web: {hosts: {web01: {}}}}}",
        )
        return
    waiting = [
        (name, body, _at(top, name, body)) for name, body in document.items() if name != META
    ]
    for name, body, where in waiting:  # grows by the groups that are written inside of others
        group_name = named(name)
        if group_name is None:
            yield _not_understood("a group without a name is left out", where)
            continue
        group = inventory.group(group_name, where)
        if isinstance(body, list):
            body = {"hosts": body}  # noqa: PLW2901 - the old short form of a group
        if body is not None and not isinstance(body, dict):
            yield _not_understood(f"the group {group_name!r} is no object", where)
            continue
        for section, said in (body or {}).items():
            at = _at(where, section, said)
            if section == "hosts":
                yield from _hosts(said, at, group, inventory, admission)
            elif section == "vars" and isinstance(said, dict):
                group.variables |= admission.admitted(said)
            elif section == "children" and isinstance(said, dict | list | str):
                for child, child_body in _entries(said):
                    if (child_name := named(child)) is not None:
                        place = _at(at, child, child_body)
                        group.children.setdefault(child_name, place)
                        waiting.append((child_name, child_body, place))
            elif said is not None:
                yield _not_understood(
                    f"{section!r} of the group {group_name!r} is not understood", at
                )
    meta = document.get(META)
    host_variables = meta.get("hostvars") if isinstance(meta, dict) else None
    if isinstance(host_variables, dict):
        for name, said in host_variables.items():
            where = _at(Where(file, None, f"/{META}/hostvars"), name, said)
            yield from _host(name, said, where, inventory, admission, ranges=False)


def _hosts(
    said: Any, where: Where, group: Group, inventory: Inventory, admission: Admission
) -> Iterator[Problem]:
    if said is None:
        return
    if not isinstance(said, dict | list | str):
        yield _not_understood("these hosts are neither a list nor an object", where)
        return
    ranges = isinstance(said, dict)
    for name, variables in _entries(said):
        yield from _host(
            name, variables, _at(where, name, variables), inventory, admission, ranges, group
        )


def _host(
    name: Any,
    said: Any,
    where: Where,
    inventory: Inventory,
    admission: Admission,
    ranges: bool,
    group: Group | None = None,
) -> Iterator[Problem]:
    readable = named(name)
    if readable is None:
        yield problem(
            "invalid_host", "this is no name of a host", where=where, kind=Kind.CI, value=name
        )
        return
    try:
        hosts, port = hosts_of(readable, inventory) if ranges else ([readable], None)
    except PatternError as error:
        yield bad_pattern(readable, error, where)
        return
    if said is not None and not isinstance(said, dict):
        yield _not_understood(f"the variables of {readable!r} are no object", where)
        said = None
    variables = admission.admitted({"ansible_port": port} | (said or {}) if port else said or {})
    for host in hosts:
        inventory.host(host, where).variables |= variables
        if group is not None:
            group.hosts[host] = None


def hosts_of(pattern: str, inventory: Inventory) -> tuple[list[str], int | None]:
    """The hosts that a pattern stands for, and its port. Raises PatternError."""
    without_port, port = split_port(pattern)
    hosts = list(expand(without_port, MOST_HOSTS_BY_RANGES - inventory.ranged))
    if len(hosts) > 1:
        inventory.ranged += len(hosts)
    return hosts, port


def bad_pattern(pattern: str, error: PatternError, where: Where) -> Problem:
    """What is wrong with a host pattern."""
    return problem(
        "invalid_host",
        f"{pattern!r} does not say which hosts: {error}",
        where=where,
        kind=Kind.CI,
        value=pattern,
        hint="a range is written web[01:20].example or node-[a:f]",
    )


def _entries(said: Any) -> list[tuple[Any, Any]]:
    """Names with what is said of them: of an object, a list of names, or a single one."""
    if isinstance(said, dict):
        return list(said.items())
    return [(each, None) for each in (said if isinstance(said, list) else [said])]


def _at(where: Where, name: Any, value: Any) -> Where:
    said = str(name).replace("~", "~0").replace("/", "~1")
    return Where(where.file, getattr(value, "line", where.row), f"{where.pointer}/{said}")


def _not_understood(message: str, where: Where) -> Problem:
    """A warning that does not repeat the value: it may be a password."""
    return problem(
        "not_understood",
        message,
        where=where,
        severity=Severity.WARNING,
        hint="a group has hosts, children and vars, all of them objects",
    )
