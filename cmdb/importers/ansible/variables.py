"""Which of an inventory's variables enter: those that are asked for, and never a secret."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.mapping import matches
from cmdb.importers.records import CI_FIELDS, BadValue, Where
from cmdb.importers.secrets import holds_a_secret, names_a_secret
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

ADDRESSES = ("ansible_host", "ansible_ssh_host")
"""Variables that say how a host is reached; read whatever is asked for."""

_VAULTED_NAME = re.compile(r"(?:^|_)vault_|passw|private_?key", re.IGNORECASE)
"""Names by Ansible's habits: `vault_` stands before what comes from a vault."""
_VAULTED = "$ANSIBLE_VAULT;"
_TEMPLATE = re.compile(r"\{[{%]")
_NAMED = 8
"""Names of variables that a warning repeats."""


class _OutError(Exception):
    """A value does not enter; the argument says under which heading it is counted."""


class Admission:
    """Lets variables in, and counts those that stay outside."""

    def __init__(self, mapping: SourceMapping, max_depth: int) -> None:
        self._max_depth = max_depth
        self._fields: set[str] = set()
        self._single: set[str] = set()
        for ours, theirs in mapping.fields.items():
            names = {theirs} if isinstance(theirs, str) else set(theirs)
            self._fields |= names
            if ours in CI_FIELDS:
                self._single |= names
        self._patterns = mapping.listed("variables")
        self._wanted: dict[str, bool] = {}
        self._out: dict[str, Counter[str]] = {
            "secrets_left_out": Counter(),
            "templates_left_out": Counter(),
            "unreadable_variables": Counter(),
            "variables_left_out": Counter(),
        }

    def admitted(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Those variables that may enter, as plain values."""
        found: dict[str, Any] = {}
        for name, value in said.items():
            try:
                if _names_a_secret(name):
                    raise _OutError("secrets_left_out")
                if not self._asked_for(name):
                    raise _OutError("secrets_left_out" if _secret(value) else "variables_left_out")
                plain = _plain(value, self._max_depth)
                if name in self._single and isinstance(plain, bool | float | dict | list):
                    raise _OutError("unreadable_variables")
            except _OutError as reason:
                self._out[str(reason)][name] += 1
            else:
                found[name] = plain
        return found

    def warnings(self, where: Where) -> Iterator[Problem]:
        """What stayed outside: counts and names, never a value."""
        texts = {
            "secrets_left_out": "hold secrets, or have names of secrets",
            "templates_left_out": "are templates that only Ansible can fill in",
            "unreadable_variables": "hold what cannot be kept under their field",
            "variables_left_out": "are not asked for",
        }
        hints = {
            "variables_left_out": "name those that are worth keeping in the mapping, under "
            "[options] variables or under [fields]",
            "templates_left_out": "`ansible-inventory --list` of what is filled in elsewhere, "
            "or write the value out",
        }
        for code, names in self._out.items():
            if names:
                listed = ", ".join(sorted(names)[:_NAMED]) + ", …" * (len(names) > _NAMED)
                yield problem(
                    code,
                    f"left out: variables that {texts[code]}, {names.total():,} in all: {listed}",
                    where=where,
                    severity=Severity.WARNING,
                    hint=hints.get(code),
                )

    def _asked_for(self, name: str) -> bool:
        if name not in self._wanted:
            self._wanted[name] = (
                name in self._fields or name in ADDRESSES or matches(name, self._patterns)
            )
        return self._wanted[name]


def _names_a_secret(name: str) -> bool:
    return names_a_secret(name) or _VAULTED_NAME.search(name) is not None


def _secret(value: Any) -> bool:
    if isinstance(value, dict):
        return "__ansible_vault" in value
    if isinstance(value, BadValue):
        return value.written.startswith("!vault")
    return isinstance(value, str) and (_VAULTED in value or holds_a_secret(value))


def _plain(value: Any, depth: int) -> Any:
    """The value without Ansible's wrapping; raises _OutError where any part must stay outside."""
    if _secret(value):
        raise _OutError("secrets_left_out")
    if isinstance(value, BadValue) or depth <= 0:
        raise _OutError("unreadable_variables")
    if isinstance(value, str) and _TEMPLATE.search(value):
        raise _OutError("templates_left_out")
    if isinstance(value, list):
        return [_plain(each, depth - 1) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__ansible_unsafe"}:
        return _plain(value["__ansible_unsafe"], depth - 1)
    if any(_names_a_secret(str(name)) for name in value):
        raise _OutError("secrets_left_out")
    return {str(name): _plain(each, depth - 1) for name, each in value.items()}
