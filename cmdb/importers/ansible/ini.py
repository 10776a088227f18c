"""Ansible inventories as INI: sections of hosts, of groups, and of variables."""

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cmdb.importers.ansible.documents import bad_pattern, hosts_of
from cmdb.importers.ansible.inventory import UNGROUPED, Inventory
from cmdb.importers.ansible.variables import Admission
from cmdb.importers.host_patterns import PatternError
from cmdb.importers.named import named
from cmdb.importers.records import Kind, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_HOST_LINE = re.compile(r"[\w.:\[\]-]+(\s+\w+=\S.*|\s+#.*)?")
_COMMENT = ("#", ";")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_CONSTANTS = {"True": True, "False": False, "None": None}
_LONGEST_LINE = 65_536
_LOOKED_AT = 50
"""Lines by which an inventory is recognised."""


def looks_like_inventory(text: str) -> bool:
    """Whether the first lines are sections with hosts, and not the settings of a program."""
    lines = list(islice(_lines(text), _LOOKED_AT))
    sections = 0
    modifier: str | None = None
    for _, line in lines:
        if found := _SECTION.fullmatch(line):
            sections += 1
            modifier = found[2]
            if modifier not in (None, "children", "vars", "hosts"):
                return False
        elif modifier == "vars":
            if "=" not in line:
                return False
        elif len(line) > _LONGEST_LINE or not _HOST_LINE.fullmatch(line):
            return False
    return sections > 0 and len(lines) > sections


def is_ini(text: str) -> bool:
    """Whether it has a section, or nothing but lines of hosts: a YAML inventory has neither."""
    lines = list(_lines(text))
    if any(line.startswith("[") and _SECTION.fullmatch(line) for _, line in lines):
        return True
    return all(
        len(line) <= _LONGEST_LINE and not line.endswith(":") and _HOST_LINE.fullmatch(line)
        for _, line in lines
    )


def take_in(text: str, file: str, inventory: Inventory, admission: Admission) -> Iterator[Problem]:
    """Add what the text of a file says to the inventory."""
    section, modifier = UNGROUPED, None
    inventory.group(section, Where(file, 1))
    for number, line in _lines(text):
        where = Where(file, number)
        if line.startswith("[") and (found := _SECTION.fullmatch(line)):
            section, modifier = named(found[1]) or UNGROUPED, found[2]
            inventory.group(section, where)
            if modifier not in (None, "hosts", "children", "vars"):
                yield _not_understood(
                    f"a section [{section}:{modifier}] is not known; its lines are left out",
                    where,
                )
        elif len(line) > _LONGEST_LINE:
            yield _not_understood("this line is too long to be one of an inventory", where)
        elif modifier in (None, "hosts"):
            yield from _host_line(line, where, section, inventory, admission)
        elif modifier == "children":
            yield from _child_line(line, where, section, inventory)
        elif modifier == "vars":
            name, equals, value = (part.strip() for part in line.partition("="))
            if equals and name:
                inventory.groups[section].variables |= admission.admitted({name: _value(value)})
            else:
                yield _not_understood("a line of variables is written name=value", where)


def _host_line(
    line: str, where: Where, section: str, inventory: Inventory, admission: Admission
) -> Iterator[Problem]:
    try:
        pattern, *words = shlex.split(line, comments=True) or [""]
    except ValueError as error:
        yield problem(
            "invalid_host",
            f"the quotes of this line do not match ({error})",
            where=where,
            kind=Kind.CI,
            hint="a value with a space or a # is written name='the value'",
        )
        return
    readable = named(pattern)
    if "=" in pattern:
        yield problem(
            "invalid_host",
            "this is a variable where a host is expected",
            where=where,
            kind=Kind.CI,
            hint="variables of a group stand below [group:vars]",
        )
        return
    try:
        hosts, port = hosts_of(readable or "", inventory)
    except PatternError as error:
        yield bad_pattern(pattern, error, where)
        return
    if readable is None:
        yield problem(
            "invalid_host", "this is no name of a host", where=where, kind=Kind.CI, value=pattern
        )
        return
    said: dict[str, Any] = {"ansible_port": port} if port else {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name:
            said[name] = _value(value)
        else:
            yield _not_understood("behind a host stand name=value; this is left out", where)
    variables = admission.admitted(said)
    for host in hosts:
        inventory.host(host, where).variables |= variables
        inventory.groups[section].hosts[host] = None


def _child_line(line: str, where: Where, section: str, inventory: Inventory) -> Iterator[Problem]:
    child, *rest = line.split()
    name = named(child)
    if name is None or (rest and not rest[0].startswith(_COMMENT)):
        yield _not_understood("a line of :children names one group", where)
    else:
        inventory.groups[section].children.setdefault(name, where)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers."""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith(_COMMENT):
            yield number, stripped


def _value(written: str) -> Any:
    """A value as Ansible understands it; lists and the like stay as they are written."""
    if len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
        return written[1:-1]
    if _INTEGER.fullmatch(written):
        return int(written)
    return _CONSTANTS.get(written, written)


def _not_understood(message: str, where: Where) -> Problem:
    """A warning that does not repeat the line: it may hold a password."""
    return problem("not_understood", message, where=where, severity=Severity.WARNING)
