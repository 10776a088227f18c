"""The entities of a Backstage catalogue: found in the documents, named by reference."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cmdb.importers.json_text import begins_json
from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import Kind, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

DEFAULT_NAMESPACE = "default"
_API_GROUP = "backstage.io/"


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity; `ref` is its whole reference in lower case, which is how Backstage compares."""

    where: Where
    kind: str
    namespace: str
    name: str
    """As it is written."""
    metadata: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    relations: list[Any] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """`kind:namespace/name`."""
        return f"{self.kind}:{self.namespace}/{self.name.lower()}"

    @property
    def title(self) -> str | None:
        """What people see instead of the name; None where nothing else than the name is given."""
        profile = members(self.spec.get("profile"))
        return text_of(profile.get("displayName")) or text_of(self.metadata.get("title"))


def is_entity(document: Any) -> bool:
    """Whether an `apiVersion` of Backstage's stands in the document."""
    if not isinstance(document, dict):
        return False
    version = document.get("apiVersion")
    return isinstance(version, str) and _API_GROUP in version and "kind" in document


def is_page(document: Any) -> bool:
    """Whether this is an answer of the catalogue's `by-query`."""
    return isinstance(document, dict) and isinstance(document.get("items"), list)


def entities(file: OpenedFile) -> Iterator[Entity | Problem]:
    """The entities of a file, and what in it is none."""
    strangers = 0
    for document, where in _documents(file):
        if isinstance(document, Problem):
            yield document
        elif not is_entity(document):
            strangers += 1
        else:
            yield _entity(document, where)
    if strangers:
        documents = "1 document is" if strangers == 1 else f"{strangers:,} documents are"
        yield problem(
            "not_an_entity",
            f"{documents} no entity of Backstage's and left out",
            where=Where(file.name),
            severity=Severity.WARNING,
            hint="an entity has an `apiVersion` such as backstage.io/v1alpha1, and a `kind`",
        )


def is_answer(file: OpenedFile) -> bool:
    """Whether the file is an answer of the catalogue, which lists what there is."""
    return begins_json(file) and (isinstance(file.json, list) or is_page(file.json))


def pages_are_missing(files: Iterable[OpenedFile]) -> bool:
    """Whether the answers of `by-query` among the files say that there are more entities."""
    pages = [file.json for file in files if begins_json(file) and is_page(file.json)]
    totals = [total for page in pages if isinstance(total := page.get("totalItems"), int)]
    if totals:
        return sum(len(page["items"]) for page in pages) < max(totals)
    cursors = [text_of(members(page.get("pageInfo")).get("nextCursor")) for page in pages]
    return bool(cursors) and None not in cursors


def _documents(file: OpenedFile) -> Iterator[tuple[Any, Where]]:
    if not begins_json(file) or isinstance(file.json, Problem):
        for document in file.yaml:
            yield document, Where(file.name, getattr(document, "line", None))
        return
    found = file.json
    listed, pointer = (found, "") if isinstance(found, list) else ([found], None)
    if is_page(found):
        listed, pointer = found["items"], "/items"
    for position, document in enumerate(listed):
        at = "" if pointer is None else f"{pointer}/{position}"
        yield document, Where(file.name, None, at)


def _entity(document: dict[str, Any], where: Where) -> Entity | Problem:
    metadata = members(document.get("metadata"))
    kind, name = text_of(document.get("kind")), text_of(metadata.get("name"))
    if kind is None or name is None:
        column = "kind" if kind is None else "metadata.name"
        return problem(
            "missing_value",
            f"the entity has no `{column}`",
            where=where,
            kind=Kind.CI,
            column=column,
            hint="an entity is known by its kind, namespace and name",
        )
    namespace = text_of(metadata.get("namespace")) or DEFAULT_NAMESPACE
    return Entity(
        where,
        kind.lower(),
        namespace.lower(),
        name,
        metadata,
        members(document.get("spec")),
        items(document.get("relations")),
    )


def candidates(said: Any, kinds: Sequence[str], namespace: str) -> list[str]:
    """The references that `said` may mean: `name`, `kind:name`, `ns/name` or `kind:ns/name`, or an
    object of the three; the kind, where it is left out, is one of `kinds`. None: it says nothing.
    """
    if isinstance(said, dict):
        kind, name = text_of(said.get("kind")), text_of(said.get("name"))
        namespace = text_of(said.get("namespace")) or namespace
    else:
        written = text_of(said) or ""
        before, colon, rest = written.partition(":")
        kind, name = (before.strip(), rest) if colon else (None, written)
        before, slash, rest = name.partition("/")
        if slash:
            namespace, name = before.strip() or namespace, rest
    name = (name or "").strip().lower()
    if not name:
        return []
    return [f"{each}:{namespace}/{name}".lower() for each in ([kind] if kind else kinds)]
