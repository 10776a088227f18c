"""Values of a Terraform resource by path, without those that are marked as secrets."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.json_values import items

_EACH = "*"
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?([^/:?#@\s]+)(?::\d+)?(?:[/?#].*)?", re.IGNORECASE)

Marks = Any
"""True where a value and all below it is secret, else an object or list with the marks below."""


def value_at(values: Any, marks: Marks, path: str) -> Any:
    """The value at a path such as `tags.Name` or `network_interface.*.mac_address`; a list where
    the path has a `*`, None where nothing is there or where it is secret.

    Only what an attribute can show at a glance: single values, and lists and objects of such.
    """
    steps = path.split(".")
    found = [_shown(each) for each in _reached(values, marks, steps)]
    said = [each for each in found if each is not None and each not in ("", [], {})]
    if _EACH in steps:
        return said or None
    return said[0] if said else None


def host_name(value: Any) -> Any:
    """The host of an address: without scheme, port and path."""
    if not isinstance(value, str):
        return value
    found = _HOST.fullmatch(value.strip())
    return found[1] if found else value


def count_marks(marks: Marks) -> int:
    """How many values are marked as secrets."""
    count, left = 0, [marks]
    while left:
        mark = left.pop()
        if mark is True:
            count += 1
        elif isinstance(mark, dict):
            left.extend(mark.values())
        elif isinstance(mark, list):
            left.extend(mark)
    return count


def marks_of_paths(paths: Any) -> Marks:
    """Marks from `sensitive_attributes` of a state file: lists of steps into the value."""
    marks: dict[str, Any] = {}
    for path in items(paths):
        names = [name for step in items(path) if (name := _step_name(step)) is not None]
        below = marks
        for name in names[:-1]:
            inner = below.setdefault(name, {})
            if inner is True:
                break
            below = inner
        else:
            if names:
                below[names[-1]] = True
    return marks


def _step_name(step: Any) -> str | None:
    """The name of a step: `{"type": "get_attr", "value": "password"}`, and for lists and maps
    `{"type": "index", "value": {"value": 0, "type": "number"}}`."""
    for _ in range(3):
        if isinstance(step, dict):
            step = step.get("value")
    return str(step) if isinstance(step, str | int | float) else None


def _reached(value: Any, marks: Marks, steps: Sequence[str]) -> Iterator[Any]:
    if marks is True:
        return
    if not steps:
        if not count_marks(marks):
            yield value
    elif isinstance(value, dict):
        for taken in (len(steps), 1):  # the name of a tag may hold dots
            name = ".".join(steps[:taken])
            if name in value:
                yield from _reached(value[name], _below(marks, name), steps[taken:])
                return
    elif isinstance(value, list):
        for position, each in enumerate(value):
            if steps[0] in (_EACH, str(position)):
                yield from _reached(each, _below(marks, str(position)), steps[1:])


def _below(marks: Marks, name: str) -> Marks:
    if isinstance(marks, dict):
        return marks.get(name)
    if isinstance(marks, list) and name.isascii() and name.isdigit() and len(name) <= 9:  # noqa: PLR2004
        return marks[int(name)] if int(name) < len(marks) else None
    return None


def _shown(value: Any) -> Any:
    if _is_single(value):
        return value
    if isinstance(value, list):
        return [each for each in value if _is_single(each)]
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if _is_single(each)}
    return None


def _is_single(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
