"""How records were at a moment: what the audit trail says of later is taken back. Pure.

The trail holds of every change the fields before it and of every deletion the whole record. So no
second copy of the inventory is kept: a past state is the present one, with the entries after that
moment taken back, the newest first. That costs as much as has changed since.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

State = dict[str, Any]
"""The fields of one record by name."""

CREATE, DELETE = "create", "delete"
_LISTS = frozenset({"keys", "sources"})
"""Fields of which an entry holds what was taken away (before) and what was added (after)."""


class Entry(NamedTuple):
    """One entry of the audit trail, as far as it tells how a record was."""

    action: str
    before: State | None
    after: State | None


@dataclass(slots=True)
class Past:
    """How one record was, told by what differs from how it is now."""

    was_there: bool = True
    is_whole: bool = False
    """Whether `fields` are all of it: it was deleted since."""
    fields: State = field(default_factory=dict)
    listed: dict[str, dict[Any, bool]] | None = None
    """By field that is a list: an element, and whether it was in it."""
    versions: int = 0
    """How many versions it has had since."""

    def take_back(self, entry: Entry) -> None:
        """Go back to before an entry; the newest must come first."""
        if entry.action == CREATE:
            self.was_there, self.is_whole, self.versions = False, False, 0
            self.fields, self.listed = {}, None
        elif entry.action == DELETE:
            self.was_there, self.is_whole, self.versions = True, True, 0
            self.fields, self.listed = dict(entry.before or {}), None
        elif entry.before is not None and entry.after is not None:
            self.versions += 1  # whatever the change is called, it made a new version
            for name, value in entry.before.items():
                if name in _LISTS:
                    self._take_back_list(name, value or (), entry.after.get(name) or ())
                else:
                    self.fields[name] = value

    def may_have(self, name: str, element: Any) -> bool:
        """Whether what was taken back says that this list had this element."""
        listed = (self.listed or {}).get(name, {})
        return listed.get(_element(element), element in self.fields.get(name, ()))

    def _take_back_list(self, name: str, removed: Iterable[Any], added: Iterable[Any]) -> None:
        if self.listed is None:
            self.listed = {}
        elements = self.listed.setdefault(name, {})
        elements.update((_element(each), False) for each in added)
        elements.update((_element(each), True) for each in removed)


def state_at(current: State | None, past: Past | None) -> State | None:
    """The state of a record at the moment that `past` tells of; None where it was not there.

    `current` is how it is now, None where it is gone; no `past` says that nothing happened to it.
    """
    if past is None:
        return current
    base = {} if past.is_whole else current
    if not past.was_there or base is None:
        return None
    state = {**base, **past.fields}
    for name, elements in (past.listed or {}).items():
        there = {_element(each) for each in state.get(name, ())}
        there.update(each for each, was_in in elements.items() if was_in)
        there.difference_update(each for each, was_in in elements.items() if not was_in)
        state[name] = [_out(each) for each in sorted(there)]
    if past.versions:
        state["version"] = state.get("version", 0) - past.versions
    return state


def _element(value: Any) -> Any:
    """A source as it is, the key of one as (source, key)."""
    return (value["source"], value["key"]) if isinstance(value, dict) else value


def _out(element: Any) -> Any:
    if isinstance(element, tuple):
        return dict(zip(("source", "key"), element, strict=True))
    return element
