"""Which object of NetBox a reference means: by kind and id, else by name."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from cmdb.importers.json_values import bounded, members, text_of
from cmdb.importers.netbox.objects import (
    CHASSIS,
    CLUSTER,
    LOCATION,
    PANEL,
    RACK,
    SITE,
    NetBoxObject,
)
from cmdb.importers.records import Where
from cmdb.names import fold
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAMED_BY_OTHERS = frozenset({SITE, LOCATION, RACK, CLUSTER, CHASSIS, PANEL})
"""Kinds of which a name is enough to make a CI."""
_NAMED_WITHIN_SITE = frozenset({LOCATION, RACK})
"""Kinds whose names NetBox keeps apart by site only."""


class Index:
    """The objects of a load by their keys; each once, whatever number of pages has it."""

    def __init__(self, found: Iterable[NetBoxObject], *, make_named: bool) -> None:
        self.things: dict[str, NetBoxObject] = {}
        self.repeated: list[tuple[str, NetBoxObject]] = []
        """Rows of tables without ids that name a thing again."""
        self.make_named = make_named
        self._by_name: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._made: dict[str, NetBoxObject] = {}
        self._missing: Counter[str] = Counter()
        given = list(found)
        same_name = Counter(
            (each.kind, fold(each.name)) for each in given if each.id is None and each.name
        )
        for each in given:
            twice = each.name is not None and same_name[(each.kind, fold(each.name))] > 1
            key = _key(each, with_site=twice)
            known = self.things.get(key)
            if known is None:
                self.things[key] = each
                if each.name is not None:
                    self._by_name[(each.kind, fold(each.name))].append(key)
            elif each.id is None:
                self.repeated.append((key, each))
            elif _age(each) > _age(known):
                self.things[key] = each

    def find(self, kind: str, reference: Any, where: Where, site: Any = None) -> str | None:
        """The key of what `reference` means (an object with `id` or `name`); None where it says
        nothing, or where nothing in the load is meant, which is counted."""
        said = members(reference)
        number = text_of(said.get("id")) or text_of(reference if isinstance(reference, int) else "")
        name = text_of(said.get("name")) or text_of(said.get("display"))
        if number is None and name is None:
            return None
        key = f"{kind}:{number}" if number is not None else None
        if key is not None and (key in self.things or key in self._made):
            return key
        if name is not None:
            named = [
                each
                for each in self._named(kind, name, site)
                if number is None or self.things[each].id is None
            ]
            if len(named) == 1:
                return named[0]
            if not named and self.make_named and kind in NAMED_BY_OTHERS:
                made = NetBoxObject(kind, {"id": number, "name": name, "site": site}, where)
                key = _key(made, with_site=False)
                self._made.setdefault(key, made)
                return key
        self._missing[kind] += 1
        return None

    def knows(self, kind: str, name: str) -> bool:
        """Whether the load lists something of this kind and name."""
        return (kind, fold(name)) in self._by_name

    def count_missing(self, kind: str) -> None:
        """Remember an end that leads out of the load."""
        self._missing[kind] += 1

    @property
    def made(self) -> dict[str, NetBoxObject]:
        """Objects that only others name; complete once every reference was looked up."""
        return self._made

    def warnings(self, file: str) -> Iterator[Problem]:
        """What references meant that is not in the load."""
        if not self._missing:
            return
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self._missing.items()))
        yield problem(
            "outside_this_load",
            f"{self._missing.total():,} relationships were left out, whose other end is not in "
            f"this load or not the only one of its name: {counts}",
            where=Where(file),
            severity=Severity.WARNING,
            hint="load the lists of these kinds together with the others",
        )

    def _named(self, kind: str, name: str, site: Any) -> list[str]:
        named = self._by_name.get((kind, fold(name)), [])
        place = text_of(members(site).get("name"))
        if len(named) > 1 and place is not None:
            return [key for key in named if _site_of(self.things[key]) == fold(place)]
        return named


def _key(thing: NetBoxObject, *, with_site: bool) -> str:
    if thing.id is not None:
        return f"{thing.kind}:{thing.id}"
    with_site = with_site or thing.kind in _NAMED_WITHIN_SITE
    place = text_of(members(thing.data.get("site")).get("name")) if with_site else None
    return f"{thing.kind}:{thing.name}@{place}" if place else f"{thing.kind}:{thing.name}"


def _site_of(thing: NetBoxObject) -> str:
    return fold(text_of(members(thing.data.get("site")).get("name")) or "")


def _age(thing: NetBoxObject) -> tuple[str, str]:
    """What is greater for the later of two versions of an object, whatever the files' order."""
    return text_of(thing.data.get("last_updated")) or "", str(bounded(thing.data))
