"""Counts findings of small inventories by reading the definitions of docs/health.md aloud."""

from __future__ import annotations

from dataclasses import dataclass, field

FIELDS = ("owner", "support_group", "criticality")


@dataclass(frozen=True)
class Item:
    """A CI; what each of two sources says of it, by field, blank for nothing."""

    name: str
    ci_class: str
    status: str
    one: dict[str, str] = field(default_factory=dict)
    two: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """What counts: the first source's word, else the second's."""
        return {name: self.one[name] or self.two[name] for name in FIELDS}


@dataclass(frozen=True)
class Inventory:
    items: list[Item]
    edges: set[tuple[int, int]]
    """(dependent, provider) by place in `items`."""


def orphans(inventory: Inventory) -> set[str]:
    """CIs in use that no relationship joins with one that is not retired."""
    found = set()
    for place, item in enumerate(inventory.items):
        if item.status not in ("active", "maintenance"):
            continue
        beside = {end for edge in inventory.edges if place in edge for end in edge} - {place}
        if all(inventory.items[other].status == "retired" for other in beside):
            found.add(item.name)
    return found


def conflicts(inventory: Inventory) -> set[str]:
    """CIs that are not retired of which the two sources say two things, in any field."""
    return {
        item.name
        for item in inventory.items
        if item.status != "retired"
        for name in FIELDS
        if item.one[name]
        and item.two[name]
        and item.one[name].casefold() != item.two[name].casefold()
    }


def incomplete(inventory: Inventory, required: dict[str, set[str]]) -> set[str]:
    """CIs that are not retired and lack anything that their class requires."""
    return {
        item.name
        for item in inventory.items
        if item.status != "retired"
        and any(not item.values[name] for name in required.get(item.ci_class, ()))
    }


def score(items: int, errors: int, warnings: int, infos: int) -> float:
    """The formula of docs/health.md."""
    return 100 - 100 * (errors + warnings / 2 + infos / 10) / items
