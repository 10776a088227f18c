"""Which object of the load a reference of iTop means, and under which key."""

from collections import defaultdict
from collections.abc import Mapping

from cmdb.importers.itop.files import Object
from cmdb.names import fold

_CI = "FunctionalCI"
_NUMBERED_APART = {
    "volume_id": "LogicalVolume",
    "logicalvolume_id": "LogicalVolume",
    "location_id": "Location",
    "subnet_id": "Subnet",
    "vlan_id": "VLAN",
}
"""References to objects that are no functional CIs: those have ids of their own in iTop's database,
while all functional CIs share one sequence."""
_ROOTS = {"organization": "org", "team": "contact", "person": "contact"}
"""By class: the beginning of the attributes that refer to it, where that is not its name."""


class AmbiguousNameError(ValueError):
    """A name that several objects have; `candidates` are their keys."""

    def __init__(self, name: str, candidates: list[str]) -> None:
        super().__init__(name)
        self.name, self.candidates = name, candidates


class Keys:
    """The CIs of a load by id and by name."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], str] = {}
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._in_order: dict[str, list[str]] = {}
        """The same for names that were asked for, once all objects are in."""

    def add(self, found: Object) -> None:
        """Take an object in; without an id it goes by its name."""
        key = found.own_key
        if found.id:
            own = found.class_name if found.class_name in _NUMBERED_APART.values() else _CI
            self._by_id[own, found.id] = key
        for name in ("name", "friendlyname"):
            if said := found.fields.get(name):
                self._by_name[fold(said)].add(key)

    def find(self, fields: Mapping[str, str], attribute: str) -> str | None:
        """The key of what `attribute` refers to, by its id, else by the name beside it; None where
        it refers to nothing that the load holds.

        Raises AmbiguousNameError where there is only a name, and several have it.
        """
        number = fields.get(attribute, "")
        key = self._by_id.get((_NUMBERED_APART.get(attribute, _CI), number))
        if key is not None:
            return key
        for name in reference_names(fields, attribute):
            folded = fold(name)
            keys = self._in_order.get(folded)
            if keys is None:
                keys = self._in_order[folded] = sorted(self._by_name.get(folded, ()))
            if len(keys) > 1:
                raise AmbiguousNameError(name, keys)
            if keys:
                return keys[0]
        return None


def reference_names(fields: Mapping[str, str], attribute: str) -> list[str]:
    """The names that stand beside or instead of a reference's id."""
    base = attribute.removesuffix("_id")
    beside = (f"{attribute}_friendlyname", f"{base}_name")
    names = [fields[name] for name in beside if name in fields]
    said = fields.get(attribute, "")
    return names + ([said] if said and not said.isdecimal() else [])


class OtherNames:
    """What organisations, teams, models and other objects that are no CIs are called."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._teams: set[str] = set()

    def learn(self, found: Object) -> None:
        """Take an object in."""
        name = found.fields.get("friendlyname") or found.fields.get("name")
        root = found.class_name.casefold()
        if found.id and name:
            self._names[_ROOTS.get(root, root), found.id] = name
        if root == "team":
            self._teams.add(found.id)

    def name(self, base: str, number: str) -> str | None:
        """The name of the object that the attribute `BASE_id` refers to."""
        return self._names.get((base.casefold(), number))

    def team(self, link: Mapping[str, str]) -> str | None:
        """The team that a link to a contact names; None where the contact is a person."""
        number = link.get("contact_id", "")
        kind = link.get("contact_id_finalclass_recall", "")
        if kind.casefold() != "team" and number not in self._teams:
            return None
        names = reference_names(link, "contact_id")
        return names[0] if names else self.name("contact", number)
