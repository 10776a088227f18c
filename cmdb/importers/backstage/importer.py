"""Backstage's software catalogue: `catalog-info.yaml` files, or the JSON of its API."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.backstage.entities import (
    DEFAULT_NAMESPACE,
    Entity,
    entities,
    is_answer,
    is_entity,
    is_page,
    pages_are_missing,
)
from cmdb.importers.backstage.relations import FIELDS, Statement, links, owner, statements
from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.file_names import told
from cmdb.importers.json_text import begins_json
from cmdb.importers.json_values import members
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "backstage"

_MARK = b"backstage.io/"
_NO_FIELDS = frozenset({*FIELDS, "owner", "profile"})


def recognises(file: OpenedFile) -> Recognition | None:
    """By the `apiVersion` of the first entity."""
    if _MARK not in file.content:
        return None
    documents = _first_documents(file)
    if any(is_entity(document) for document in documents):
        return Recognition.exactly("it has entities of backstage.io")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """All files are one catalogue: an entity of one file may name those of another."""
    catalogue = _Catalogue(context.mapping)
    whole = not pages_are_missing(files)
    for file in files:
        before = len(catalogue.entities)
        for found in entities(file):
            if isinstance(found, Problem):
                yield found
            else:
                catalogue.entities.append(found)
        if len(catalogue.entities) > before or is_answer(file):
            yield KindSeen(Kind.CI, whole)
            yield KindSeen(Kind.RELATIONSHIP, whole)
    yield from catalogue.records()
    if not files:
        return
    yield from catalogue.warnings(files[0].name)
    if not whole:
        yield _warning(
            "pages_missing",
            "the catalogue has more entities than these files hold",
            files[0].name,
            "save every page of by-query, or /api/catalog/entities, which gives all at once",
        )


def _first_documents(file: OpenedFile) -> list[Any]:
    if not begins_json(file) or isinstance(file.json, Problem):
        return file.yaml
    found = file.json
    if is_page(found):
        found = found["items"]
    return found[:1] if isinstance(found, list) else [found]


class _Catalogue:
    def __init__(self, mapping: Mapping) -> None:
        self.entities: list[Entity] = []
        self._mapping = mapping
        self._mapped = MappedRecords(mapping)
        self._doubtful = DoubtfulValues()
        self._titled = mapping.listed("names_from_title")
        self._secret_names = mapping.listed("secret_annotations")
        self._secrets: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._no_cis: Counter[str] = Counter()

    def records(self) -> Iterator[ParsedRecord]:
        """The CIs, then the relationships between them."""
        by_ref = {entity.ref: entity for entity in self.entities}
        cis: set[str] = set()
        for entity in self.entities:
            record = self._ci(entity, by_ref)
            if record is not None:
                cis.add(entity.ref)
                yield self._doubtful.set_aside(record)
        seen: set[tuple[str, str, str]] = set()
        for entity in self.entities:
            for said in statements(entity):
                ends = self._ends(said, by_ref, cis)
                if ends is None or (said.name, *ends) in seen:
                    continue
                seen.add((said.name, *ends))
                found = self._mapped.relationship(entity.where, said.name, *ends)
                if found is not None:
                    yield found

    def warnings(self, file: str) -> Iterator[Problem]:
        """What was not understood or left out."""
        yield from self._mapped.warnings(file)
        yield from self._doubtful.warnings(file)
        if self._secrets:
            count = self._secrets.total()
            yield _warning(
                "secrets_left_out",
                f"{'1 value was' if count == 1 else f'{count:,} values were'} left out, of "
                f"annotations that hold secrets: {told(sorted(self._secrets))}",
                file,
                "the option secret_annotations of the mapping says which these are",
            )
        if self._missing:
            yield _warning(
                "unknown_entities",
                f"{_references(self._missing)} to entities that no file has: "
                f"{told(sorted(self._missing))}",
                file,
                "load all files of the catalogue together, or its JSON",
            )
        if self._no_cis:
            yield _warning(
                "references_left_out",
                f"{_references(self._no_cis)} to entities that are no CIs: "
                f"{told(sorted(self._no_cis))}",
                file,
                "the mapping says under [ignore] what is left out",
            )

    def _ci(self, entity: Entity, by_ref: dict[str, Entity]) -> ParsedRecord | None:
        said = dict(self._said(entity))
        owners = owner(entity)
        if owners:
            who = next((by_ref[ref] for ref in owners if ref in by_ref), None)
            said["owner"] = (who.title or who.name) if who else _bare(owners[0])
            said |= {f"owner.{name}": value for name, value in (self._labels(who) if who else ())}
        named = entity.title if matches(entity.kind, self._titled) else None
        said["name"] = named or entity.name
        return self._mapped.ci(entity.where, entity.ref, _source_class(entity), said)

    def _said(self, entity: Entity) -> Iterator[tuple[str, Any]]:
        for name in ("title", "description", "tags"):
            yield f"metadata.{name}", _plain(entity.metadata.get(name))
        if entity.namespace != DEFAULT_NAMESPACE:
            yield "metadata.namespace", entity.namespace
        yield "links", links(entity)
        yield from self._labels(entity)
        for name, value in entity.spec.items():
            if name not in _NO_FIELDS:
                yield f"spec.{name}", _plain(value)

    def _labels(self, entity: Entity) -> Iterator[tuple[str, Any]]:
        for group in ("labels", "annotations"):
            for name, value in members(entity.metadata.get(group)).items():
                if matches(name, self._secret_names):
                    self._secrets[name] += 1
                else:
                    yield f"{group}.{name}", _plain(value)

    def _ends(
        self, said: Statement, by_ref: dict[str, Entity], cis: set[str]
    ) -> tuple[str, str] | None:
        """The two CIs of a statement; None where one of them is none."""
        ends: list[str] = []
        for named in (said.this, said.that):
            if not named:
                return None
            found = next((ref for ref in named if ref in cis), None)
            if found is not None:
                ends.append(found)
                continue
            known = next((ref for ref in named if ref in by_ref), None)
            if known is None:
                self._missing[named[0]] += 1
            else:
                self._no_cis[known] += 1
            return None
        return ends[0], ends[1]


def _source_class(entity: Entity) -> str:
    """`kind:type`, as the mapping names classes; the kind alone where there is no type."""
    said = entity.spec.get("type")
    return f"{entity.kind}:{said.strip()}" if isinstance(said, str) else entity.kind


def _plain(value: Any) -> Any:
    """A single value, or a list of such; None for what attributes have no use for, such as
    `$text`, which Backstage itself fills in."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str | bool | int | float)]
    return None


def _bare(ref: str) -> str:
    return ref.rpartition("/")[2]


def _references(counted: Counter[str]) -> str:
    total = counted.total()
    return "1 reference leads" if total == 1 else f"{total:,} references lead"


def _warning(code: str, message: str, file: str, hint: str) -> Problem:
    return problem(code, message, where=Where(file), severity=Severity.WARNING, hint=hint)
