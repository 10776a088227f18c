"""CycloneDX bills of materials: applications, containers, services and what they depend on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.bridges import Bridged
from cmdb.importers.cyclonedx.parts import Bom, Part, give_keys, read_bom
from cmdb.importers.cyclonedx.xml import NAMESPACE, as_json, is_bom
from cmdb.importers.json_text import begins_json
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, Where
from cmdb.importers.xml_text import begins_xml
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "cyclonedx"

DEPENDS_ON = "dependsOn"
"""The name under which a mapping says what a dependency becomes."""
_LIBRARIES = ("library", "framework")
_HEAD = 2_048


def recognises(file: OpenedFile) -> Recognition | None:
    """By `bomFormat`, or by the namespace of the XML form."""
    if begins_xml(file):
        if NAMESPACE.encode() not in file.content[:_HEAD]:
            return None
        root = file.xml
        if isinstance(root, Problem) or is_bom(root):
            return Recognition.exactly("it has the namespace of CycloneDX")
        return None
    document = file.json if begins_json(file) else None
    if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
        return Recognition.exactly("it has bomFormat CycloneDX")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Parts that the mapping keeps, and what they depend on, also through parts that it does not;
    a part that several files list is one."""
    boms: list[Bom] = []
    for file in sorted(files, key=lambda each: (each.name, each.content)):
        document = _document(file)
        if isinstance(document, Problem):
            yield document
            continue
        bom = read_bom(document, file.name, context.mapping)
        yield from bom.problems
        boms.append(bom)
    if any(bom.parts for bom in boms):
        yield KindSeen(Kind.CI)
    if any(bom.depends_on is not None for bom in boms):
        yield KindSeen(Kind.RELATIONSHIP)
    yield from give_keys(boms)
    yield from _Records(context.mapping).of(boms)


def _document(file: OpenedFile) -> dict[str, Any] | Problem:
    if begins_xml(file):
        root = file.xml
        if isinstance(root, Problem):
            return root
        if is_bom(root):
            return as_json(root)
        document: Any = root.tag
    else:
        document = file.json
        if isinstance(document, dict | Problem):
            return document
    return problem(
        "unexpected_shape",
        "the file must hold one bill of materials",
        where=Where(file.name, None, ""),
        value=document,
        hint='{"bomFormat": "CycloneDX", "components": [{…}], "dependencies": [{…}]}',
    )


class _Records:
    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._mapped = MappedRecords(mapping)
        left_out = mapping.listed("leave_out")
        self._left_out = left_out if mapping.flag("libraries") else [*left_out, *_LIBRARIES]
        self._kept: set[str] = set()
        self._out: dict[str, str] = {}
        """The type by the key of what was left out."""
        self._linked: set[tuple[str, str]] = set()

    def of(self, boms: Sequence[Bom]) -> Iterator[Item]:
        """The CIs of all documents, then their relationships, then what was left out."""
        for bom in boms:
            for part in bom.parts:
                if part.key not in self._kept and part.key not in self._out:
                    yield from self._ci(part)
        for bom in boms:
            yield from self._relationships(bom)
        if boms:
            yield from self._mapped.warnings(boms[0].where.file)
        if self._out:
            types = Counter(self._out.values())
            listed = ", ".join(f"{count:,} {name}" for name, count in sorted(types.items()))
            yield problem(
                "components_left_out",
                f"left out: {listed}; what depends on them depends on what is behind them",
                where=boms[0].where,
                severity=Severity.WARNING,
                hint="in the mapping under [options]: libraries = true, or a shorter leave_out",
            )

    def _ci(self, part: Part) -> Iterator[Item]:
        mapping = self._mapping
        closer = f"{part.type} {part.name}"
        left_out = matches(part.type, self._left_out) or mapping.ignores_class(part.type)
        if not left_out and part.name is None:
            yield problem(
                "missing_value",
                "'name' is required",
                where=part.where,
                kind=Kind.CI,
                column="name",
            )
        if left_out or part.name is None:
            self._out[part.key] = part.type
            return
        source_class = part.type if mapping.ci_class(closer) is None else closer
        name = part.full_name if part.type in _LIBRARIES else part.name
        said = {"name": name, "component_type": part.type, **part.said}
        ci = self._mapped.ci(part.where, part.key, source_class, said)
        if ci is None:
            self._out[part.key] = part.type
            return
        self._kept.add(part.key)
        yield ci

    def _relationships(self, bom: Bom) -> Iterator[Item]:
        if bom.depends_on is None:
            if len(bom.parts) > 1:
                yield problem(
                    "no_dependencies",
                    "the file does not say what depends on what: its parts stand alone",
                    where=bom.where,
                    severity=Severity.WARNING,
                    hint="many tools write `dependencies` only where they are asked to",
                )
            return
        numbers: dict[str, int] = {}
        for at, part in enumerate(bom.parts):
            for ref in (part.ref, part.said.get("purl") if part.ref is None else None):
                if ref:
                    numbers.setdefault(ref, at)
        providers: dict[int, list[int]] = {}
        places: dict[int, Where] = {}
        unknown: Counter[str] = Counter()
        for ref, listed in bom.depends_on.items():
            if ref not in numbers:
                unknown[ref] += 1
                continue
            for provider, where in listed:
                places.setdefault(numbers[ref], where)
                if provider in numbers:
                    providers.setdefault(numbers[ref], []).append(numbers[provider])
                else:
                    unknown[provider] += 1
        kept = frozenset(at for at, part in enumerate(bom.parts) if part.key in self._kept)
        bridged = Bridged(providers, kept)
        for this, that in bridged.pairs():
            yield from self._relationship(places[this], bom.parts[this].key, bom.parts[that].key)
        if bridged.stopped:
            yield problem(
                "too_many_ways",
                "there are too many ways through what is left out; some dependencies are missing",
                where=bom.where,
                severity=Severity.WARNING,
                hint="in the mapping under [options]: libraries = true",
            )
        if unknown:
            first = next(iter(unknown))
            yield problem(
                "unknown_reference",
                f"{unknown.total():,} dependencies name what the file does not list, such as "
                f"{first!r}; they are left out",
                where=bom.where._replace(pointer="/dependencies"),
                severity=Severity.WARNING,
                value=first,
            )

    def _relationship(self, where: Where, this: str, that: str) -> Iterator[Item]:
        if this == that or (this, that) in self._linked:
            return
        self._linked.add((this, that))
        dependency = self._mapping.option("dependency").strip() or None
        found = self._mapped.relationship(where, DEPENDS_ON, this, that, dependency=dependency)
        if found is not None:
            yield found
