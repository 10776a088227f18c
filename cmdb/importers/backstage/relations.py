"""What a Backstage entity says of others: one statement each, however often it is said."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cmdb.importers.backstage.entities import Entity, candidates
from cmdb.importers.json_values import items, members, text_of

SOFTWARE = ("component", "resource", "api", "system")


class Statement(NamedTuple):
    """That `this` stands to `that` as the field `name` of a spec says it."""

    name: str
    this: list[str]
    """References that may be meant, see `candidates`."""
    that: list[str]


class _Field(NamedTuple):
    kinds: tuple[str, ...]
    """What is meant where a reference does not say its kind."""
    name: str
    is_turned: bool = False
    """Whether the entity is the other side of the statement."""


FIELDS = {
    "dependsOn": _Field(SOFTWARE, "dependsOn"),
    "dependencyOf": _Field(SOFTWARE, "dependsOn", is_turned=True),
    "consumesApis": _Field(("api",), "consumesApis"),
    "providesApis": _Field(("api",), "providesApis"),
    "system": _Field(("system",), "system"),
    "domain": _Field(("domain",), "domain"),
    "subcomponentOf": _Field(("component",), "subcomponentOf"),
    "subdomainOf": _Field(("domain",), "subdomainOf"),
}
"""Fields of a spec that name other entities."""

_RELATIONS = {
    "dependsOn": ("dependsOn", False),
    "dependencyOf": ("dependsOn", True),
    "consumesApi": ("consumesApis", False),
    "apiConsumedBy": ("consumesApis", True),
    "providesApi": ("providesApis", False),
    "apiProvidedBy": ("providesApis", True),
    "partOf": ("", False),
    "hasPart": ("", True),
}
"""Types of `relations`, the catalogue's own words for what the specs of both sides say."""
_PARTS = {
    "system": "system",
    "domain": "domain",
    "component": "subcomponentOf",
}
"""The field that makes something part of a whole of this kind."""
_OF_PEOPLE = frozenset({"ownedBy", "ownerOf", "memberOf", "hasMember", "parentOf", "childOf"})


def statements(entity: Entity) -> Iterator[Statement]:
    """What the spec and the relations of an entity say; the same may come twice."""
    for name, rule in FIELDS.items():
        said = entity.spec.get(name)
        for each in said if isinstance(said, list) else [said]:
            if each is not None:
                named = candidates(each, rule.kinds, entity.namespace)
                yield _statement(rule.name, entity, named, is_turned=rule.is_turned)
    for each in entity.relations:
        yield from _relation(entity, members(each))


def owner(entity: Entity) -> list[str]:
    """References of who may own the entity."""
    said = entity.spec.get("owner")
    if said is None:
        owned_by = (each for each in entity.relations if members(each).get("type") == "ownedBy")
        said = next((_target(each) for each in owned_by), None)
    return candidates(said, ("group", "user"), entity.namespace)


def _relation(entity: Entity, relation: dict[str, Any]) -> Iterator[Statement]:
    said = text_of(relation.get("type"))
    named = candidates(_target(relation), (), entity.namespace)
    if said is None or said in _OF_PEOPLE or not named:
        return
    name, is_turned = _RELATIONS.get(said, (said, False))
    if not name:
        whole = (entity.ref if is_turned else named[0]).partition(":")[0]
        part = (named[0] if is_turned else entity.ref).partition(":")[0]
        name = _PARTS.get(whole, said)
        if whole == part == "domain":
            name = "subdomainOf"
    yield _statement(name, entity, named, is_turned=is_turned)


def _target(relation: dict[str, Any]) -> Any:
    """Whom a relation names: `targetRef`, or the object `target` of older answers."""
    return relation.get("targetRef") or relation.get("target")


def _statement(name: str, entity: Entity, named: list[str], *, is_turned: bool) -> Statement:
    this = [entity.ref]
    return Statement(name, named, this) if is_turned else Statement(name, this, named)


def links(entity: Entity) -> list[str]:
    """The addresses of the entity's links."""
    found = (text_of(members(each).get("url")) for each in items(entity.metadata.get("links")))
    return [url for url in found if url is not None]
