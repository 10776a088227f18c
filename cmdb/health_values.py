"""Values of a CI as rules name and compare them. Pure."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any

from cmdb.claims import ATTRIBUTE

_MAX_COMPARED = 1_000


class Patterns:
    """Values that are one of several patterns; case and spacing do not count.

    Patterns know `*`, `?` and `[abc]` and nothing else: no file can bring a regular expression that
    takes for ever. Values are compared by their first 1,000 characters.
    """

    def __init__(self, patterns: Iterable[str | int | bool]) -> None:
        self._compiled = [re.compile(translate(_form(each)), re.DOTALL) for each in patterns]
        self._found: dict[str, bool] = {}

    def fits(self, value: Any) -> bool:
        """Whether `value` is one of them; of a list one element is enough."""
        if isinstance(value, list):
            return any(self.fits(each) for each in value)
        if value is None or isinstance(value, dict):
            return False
        form = _form(value)
        found = self._found.get(form)
        if found is None:
            found = any(pattern.match(form) for pattern in self._compiled)
            if len(self._found) < _MAX_COMPARED:
                self._found[form] = found
        return found


def value_of(name: str, fields: Mapping[str, Any], attributes: Mapping[str, Any]) -> Any:
    """The value of a field or `attributes.NAME`; None where the CI has none, or an empty one."""
    if name.startswith(ATTRIBUTE):
        value = attributes.get(name.removeprefix(ATTRIBUTE))
    else:
        value = fields[name]
    return None if value in ("", [], {}) else value


def _form(said: Any) -> str:
    text = str(said).lower() if isinstance(said, bool) else str(said)
    return " ".join(text[:_MAX_COMPARED].casefold().split())
