"""What a CycloneDX bill of materials lists: components and services, with their keys."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.named import named
from cmdb.importers.records import Kind, Where
from cmdb.names import fold
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

SERVICE, EXTERNAL_SERVICE = "service", "external service"
"""The words under which a mapping says what services become."""

MAC_ADDRESS = "cdx:device:macAddress"
_TEXTS = ("group", "version", "purl", "publisher", "description")
_RANDOM_REF = re.compile(
    r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)


@dataclass
class Part:
    """A component or a service."""

    where: Where
    type: str
    """The component's type, `SERVICE` or `EXTERNAL_SERVICE`."""
    name: str | None
    ref: str | None
    said: dict[str, Any]
    key: str = ""

    @property
    def full_name(self) -> str:
        """The name with group and version, without which libraries cannot be told apart."""
        group, version = self.said.get("group"), self.said.get("version")
        return (f"{group}/" if group else "") + str(self.name) + (f" {version}" if version else "")

    @property
    def own_key(self) -> str:
        """What it is called wherever it is written down: its package, else its type and name."""
        purl, version = self.said.get("purl"), self.said.get("version")
        if purl:
            return f"{purl}@{version}" if version and "@" not in purl else str(purl)
        group = self.said.get("group")
        return f"{self.type}:{group}/{self.name}" if group else f"{self.type}:{self.name}"


@dataclass
class Bom:
    """One bill of materials, read."""

    where: Where
    parts: list[Part] = field(default_factory=list)
    depends_on: dict[str, list[tuple[str, Where]]] | None = None
    """By reference; None where the document says nothing about dependencies."""
    problems: list[Problem] = field(default_factory=list)


def read_bom(document: dict[str, Any], file: str, mapping: Mapping) -> Bom:
    """The parts of a document, nested ones, too, and what it says about dependencies."""
    bom = Bom(Where(file, None, ""))
    metadata = document.get("metadata")
    waiting: list[tuple[Any, Where, bool]] = []
    if isinstance(metadata, dict) and metadata.get("component"):
        waiting.append((metadata["component"], Where(file, None, "/metadata/component"), False))
    waiting.extend(_entries(document, bom.where, bom.problems))
    for entry, where, is_service in waiting:  # grows by the parts of parts
        if not isinstance(entry, dict):
            bom.problems.append(_unexpected("a component or service", where, entry, Kind.CI))
            continue
        bom.parts.append(_part(entry, where, is_service, mapping))
        waiting.extend(_entries(entry, where, bom.problems))
    if "dependencies" in document:
        bom.depends_on = _dependencies(document["dependencies"], file, bom.problems)
    return bom


def give_keys(boms: Sequence[Bom]) -> Iterator[Problem]:
    """Give every part its key: its `bom-ref` where that means the same in every document."""
    meant: dict[str, set[tuple[str, str]]] = {}
    for bom in boms:
        for part in bom.parts:
            random = part.ref is None or _RANDOM_REF.fullmatch(part.ref)
            part.key = part.own_key if random or part.ref is None else part.ref
            meant.setdefault(part.key, set()).add(_identity(part))
    for bom in boms:
        for part in bom.parts:
            if part.key == part.ref and len(meant[part.key]) > 1:
                yield problem(
                    "ambiguous_bom_ref",
                    f"the bom-ref {part.ref!r} stands for several things; "
                    f"{part.name!r} is known as {part.own_key!r}",
                    where=part.where,
                    severity=Severity.WARNING,
                    column="bom-ref",
                    hint="load such files as sources of their own",
                )
                part.key = part.own_key


def _entries(
    holder: dict[str, Any], where: Where, problems: list[Problem]
) -> list[tuple[Any, Where, bool]]:
    found: list[tuple[Any, Where, bool]] = []
    for section in ("components", "services"):
        listed = holder.get(section)
        at = where._replace(pointer=f"{where.pointer}/{section}")
        if isinstance(listed, list):
            found.extend(
                (entry, at._replace(pointer=f"{at.pointer}/{position}"), section == "services")
                for position, entry in enumerate(listed)
            )
        elif listed is not None:
            problems.append(_unexpected(f"{section!r}", at, listed, None))
    return found


def _part(entry: dict[str, Any], where: Where, is_service: bool, mapping: Mapping) -> Part:
    said: dict[str, Any] = {name: text for name in _TEXTS if (text := _text(entry.get(name)))}
    if is_service:
        kind = EXTERNAL_SERVICE if _is_external(entry, mapping) else SERVICE
        said["provider"] = _name_of(entry.get("provider"))
        endpoints = entry.get("endpoints")
        said["endpoints"] = [
            each
            for each in (endpoints if isinstance(endpoints, list) else [])
            if isinstance(each, str)
        ]
    else:
        kind = _text(entry.get("type")) or "component without a type"
        said["supplier"] = _name_of(entry.get("supplier"))
    said |= _properties(entry.get("properties"), mapping)
    return Part(where, kind, named(entry.get("name")), _text(entry.get("bom-ref")), said)


def _is_external(service: dict[str, Any], mapping: Mapping) -> bool:
    zone = _text(service.get("trustZone"))
    return service.get("x-trust-boundary") is True or (
        zone is not None and matches(zone, mapping.listed("external_trust_zones"))
    )


def _properties(listed: Any, mapping: Mapping) -> dict[str, Any]:
    """Properties that the mapping asks for; they are free text and may hold anything."""
    wanted = mapping.listed("properties")
    for theirs in mapping.fields.values():
        wanted.extend([theirs] if isinstance(theirs, str) else theirs)
    found: dict[str, Any] = {}
    addresses: list[str] = []
    for each in listed if isinstance(listed, list) else []:
        name, value = (
            (_text(each.get("name")), _text(each.get("value")))
            if isinstance(each, dict)
            else (None, None)
        )
        if name is None or value is None:
            continue
        if name == MAC_ADDRESS:
            addresses.append(value)
        elif matches(name, wanted):
            found.setdefault(name, value)
    return found | ({"mac_addresses": addresses} if addresses else {})


def _dependencies(
    listed: Any, file: str, problems: list[Problem]
) -> dict[str, list[tuple[str, Where]]]:
    found: dict[str, list[tuple[str, Where]]] = {}
    top = Where(file, None, "/dependencies")
    if not isinstance(listed, list):
        if listed is not None:
            problems.append(_unexpected("'dependencies'", top, listed, None))
        return found
    for position, entry in enumerate(listed):
        where = top._replace(pointer=f"/dependencies/{position}")
        ref = _text(entry.get("ref")) if isinstance(entry, dict) else None
        providers = entry.get("dependsOn") if isinstance(entry, dict) else None
        if ref is None or not isinstance(providers, list | None):
            problems.append(_unexpected("a dependency", where, entry, Kind.RELATIONSHIP))
            continue
        found.setdefault(ref, []).extend(
            (provider, where) for each in providers or [] if (provider := _text(each))
        )
    return found


def _unexpected(what: str, where: Where, value: Any, kind: Kind | None) -> Problem:
    return problem(
        "unexpected_shape",
        f"{what} does not have the shape that CycloneDX gives it",
        where=where,
        kind=kind,
        value=value,
    )


def _identity(part: Part) -> tuple[str, str]:
    return part.type, fold(part.name or "")


def _name_of(said: Any) -> str | None:
    return _text(said.get("name")) if isinstance(said, dict) else None


def _text(said: Any) -> str | None:
    if isinstance(said, int | float) and not isinstance(said, bool):
        said = str(said)
    return said.strip() or None if isinstance(said, str) else None
