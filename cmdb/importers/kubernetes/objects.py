"""Kubernetes objects in files: lists, typed lists, manifests of many documents; each once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item
from cmdb.importers.records import Kind, KindSeen, Where
from cmdb.importers.yaml_or_json import documents_of
from cmdb.problems import problem
from cmdb.schemas import Problem

_VERSION = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
_OWN_GROUPS = frozenset({"", "apps", "autoscaling", "batch", "extensions", "policy"})
_OTHERS = ("backstage.io",)
"""Whose files have `apiVersion` and `kind` as well, and are no Kubernetes objects."""
_CLUSTER_WIDE = frozenset({"Namespace", "Node", "PersistentVolume"})
_MAX_NESTED_LISTS = 10


class Ref(NamedTuple):
    """What names an object in its cluster; the namespace of what belongs to none is empty."""

    kind: str
    """`Deployment`; with the group where that is not Kubernetes' own: `Kafka.kafka.strimzi.io`."""
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


@dataclass(frozen=True, slots=True)
class Thing:
    """One object."""

    ref: Ref
    body: dict[str, Any]
    where: Where

    @property
    def metadata(self) -> dict[str, Any]:
        return members(self.body.get("metadata"))

    @property
    def spec(self) -> dict[str, Any]:
        return members(self.body.get("spec"))

    @property
    def status(self) -> dict[str, Any]:
        return members(self.body.get("status"))

    @property
    def template(self) -> dict[str, Any]:
        """What its Pods are made from: an object with `metadata` and `spec`, or nothing."""
        spec = members(members(self.spec.get("jobTemplate")).get("spec")) or self.spec
        return members(spec.get("template"))

    @property
    def pod_spec(self) -> dict[str, Any]:
        """The `spec` of the Pod that it is, or of those that it makes."""
        return self.spec if self.ref.kind == "Pod" else members(self.template.get("spec"))


def labels_of(metadata: Any) -> dict[str, str]:
    """Labels that are texts, as the cluster would take them."""
    return texts(members(metadata).get("labels"))


def texts(value: Any) -> dict[str, str]:
    """The members of an object that are texts."""
    found = ((str(name), text_of(each)) for name, each in members(value).items())
    return {name: each for name, each in found if each is not None}


def is_object(document: Any) -> bool:
    """Whether this is a Kubernetes object, or a list of some."""
    return (
        isinstance(document, dict)
        and is_version(text_of(document.get("apiVersion")))
        and text_of(document.get("kind")) is not None
        and (isinstance(document.get("metadata"), dict) or "items" in document)
    )


def is_version(said: str | None) -> bool:
    """Whether an `apiVersion` may be one of Kubernetes or of what extends it."""
    group = (said or "").rpartition("/")[0]
    return (
        said is not None
        and _VERSION.fullmatch(said) is not None
        and not any(group == other or group.endswith(f".{other}") for other in _OTHERS)
    )


def is_own_version(said: str) -> bool:
    """Whether an `apiVersion` is Kubernetes' own."""
    group = said.rpartition("/")[0]
    return is_version(said) and (group in _OWN_GROUPS or group.endswith(".k8s.io"))


def kind_of(api_version: str, kind: str) -> str:
    """The kind's name, with its group where that is not Kubernetes' own, as `kubectl` writes it."""
    return kind if is_own_version(api_version) else f"{kind}.{api_version.rpartition('/')[0]}"


class Objects:
    """The objects of all files of one load, each once."""

    def __init__(self, default_namespace: str) -> None:
        self._default_namespace = default_namespace
        self._things: dict[Ref, Thing] = {}
        self._nameless: list[Thing] = []
        self.repeated: list[Ref] = []
        """What is described more than once, as often as that is."""

    def __iter__(self) -> Iterator[Thing]:
        """In the order of their names."""
        yield from sorted(self._things.values(), key=lambda thing: thing.ref)
        yield from sorted(self._nameless, key=lambda thing: (thing.ref, _preference(thing)))

    def get(self, ref: Ref) -> Thing | None:
        return self._things.get(ref)

    def take(self, file: OpenedFile) -> Iterator[Item]:
        """Take in a file; yields what is wrong with it, and what it lists in full."""
        documents = documents_of(file)
        for position, document in enumerate(documents):
            line = getattr(document, "line", None)
            pointer = "" if len(documents) == 1 else f"/{position}"
            where = Where(file.name, line, pointer if line is None else "")
            if isinstance(document, Problem):
                yield _taught(document, file)
            elif isinstance(document, list):
                for at, entry in enumerate(document):
                    yield from self._take(entry, "", _below(where, at, entry), _MAX_NESTED_LISTS)
            else:
                yield from self._take(document, "", where, _MAX_NESTED_LISTS)

    def _take(self, body: Any, listed: str, where: Where, depth: int) -> Iterator[Item]:
        """`listed` is what the list around it says of its entries, for those that do not say it."""
        said = members(body)
        version = text_of(said.get("apiVersion")) or listed.partition(" ")[0]
        kind = text_of(said.get("kind")) or listed.partition(" ")[2]
        if not (kind and is_version(version)):
            yield _no_object(body, where, Kind.CI if where.pointer else None)
        elif "items" in said and kind.endswith("List") and depth:
            yield KindSeen(Kind.CI)
            yield KindSeen(Kind.RELATIONSHIP)
            of = "" if kind == "List" else f"{version} {kind.removesuffix('List')}"
            for at, entry in enumerate(items(said["items"])):
                place = _below(where._replace(pointer=f"{where.pointer}/items"), at, entry)
                yield from self._take(entry, of, place, depth - 1)
        else:
            metadata = members(said.get("metadata"))
            named = kind_of(version, kind)
            namespace = text_of(metadata.get("namespace")) or self._default_namespace
            name = text_of(metadata.get("name")) or ""
            ref = Ref(named, "" if named in _CLUSTER_WIDE else namespace, name)
            self._keep(Thing(ref, said, where))

    def _keep(self, thing: Thing) -> None:
        if not thing.ref.name:
            self._nameless.append(thing)
            return
        known = self._things.get(thing.ref)
        if known is not None:
            self.repeated.append(thing.ref)
            thing = min(known, thing, key=_preference)
        self._things[thing.ref] = thing


def _preference(thing: Thing) -> tuple[bool, int, Where]:
    """What the cluster says comes before a manifest, the newer before the older."""
    metadata = thing.metadata
    version = text_of(metadata.get("resourceVersion")) or ""
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 20 else 0  # noqa: PLR2004 - 64 bits
    file, row, pointer = thing.where
    return "uid" not in metadata, -number, Where(file, row or 0, pointer or "")


def _below(where: Where, at: int, entry: Any) -> Where:
    line = getattr(entry, "line", None)
    return where._replace(row=line or where.row, pointer=f"{where.pointer}/{at}")


def _no_object(body: Any, where: Where, kind: Kind | None) -> Problem:
    return problem(
        "unexpected_shape",
        "this is no Kubernetes object: it needs `apiVersion`, `kind` and `metadata`",
        where=where,
        kind=kind,
        value=body,
        hint="`kubectl get all,nodes,ingress,pvc,pv,pdb -A -o json` writes what can be read",
    )


def _taught(found: Problem, file: OpenedFile) -> Problem:
    if found.code == "malformed_yaml" and b"{{" in file.content:
        hint = "this may be a template: load what `helm template` or `kubectl get` writes"
        return found.model_copy(update={"hint": hint})
    return found
