"""From the Kubernetes objects of one load to its records."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from cmdb.importers.distinct_names import Spelling, tell_apart
from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.images import image
from cmdb.importers.json_values import text_of
from cmdb.importers.kubernetes.fields import count_variables, images_of, provider_of, said_by
from cmdb.importers.kubernetes.links import EXTERNAL, Links, external_name, service_of
from cmdb.importers.kubernetes.objects import Objects, Ref, Thing
from cmdb.importers.kubernetes.owners import UNKNOWN, is_made_by_another, owner_of, workload_of
from cmdb.importers.left_out import LeftOut, Reason
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.protocol import Item
from cmdb.importers.records import Kind, ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of a Pod that will not run again; an evicted one is `Failed`."""
_TRAILING_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_REASONS = {
    "pods_ended": Reason("Pods that have ended (completed, failed, evicted) were left out", None),
    "namespaces_left_out": Reason(
        "objects of namespaces that the option `leave_out_namespaces` names were left out"
    ),
    "left_out_by_mapping": Reason("objects that the mapping's [ignore] names were left out"),
    "nameless_objects": Reason(
        "objects that get their name only when they are created (`generateName`) were left out"
    ),
    "owner_not_described": Reason(
        "Pods belong to something that the files do not describe, and stand alone",
        "export it as well: `kubectl get all -A -o json`",
    ),
    "not_described": Reason(
        "what an object needs is not described in the files, so that relationships were left out",
        "export it as well: `kubectl get all,nodes,ingress,pvc,pv,pdb -A -o json`",
    ),
    "selects_nothing": Reason(
        "Services select no Pods that the files describe", "are the workloads in the export?"
    ),
    "external_names": Reason(
        "Services stand for hosts outside of the cluster; they keep the name as an attribute",
        'to make CIs of these hosts, add to the mapping, under [classes]: ExternalName = "generic"',
    ),
    "described_twice": Reason(
        "objects are described more than once; what the cluster says counts, the newest of it"
    ),
    "names_shared": Reason(
        "names are used more than once, so that the namespace was put in front",
        "the option `plain_namespaces` lists namespaces whose objects keep the plain name",
    ),
    "secrets_left_out": Reason("environment variables and Secrets whose contents were left out"),
}


class Reading:
    """Makes records of the objects of one load."""

    def __init__(self, objects: Objects, mapping: Mapping) -> None:
        self._objects, self._mapping = objects, mapping
        self._cluster = mapping.option("cluster", "kubernetes")
        self._made = MappedRecords(mapping)
        self._doubtful = DoubtfulValues()
        self._left_out = LeftOut(_REASONS)
        self._unknown_kinds: Counter[str] = Counter()
        self._spellings: list[Spelling] = []
        self._keys: dict[Ref, str] = {}

    def items(self, file: str) -> Iterator[Item]:
        """Everything, the file named in warnings that are about all of them."""
        pods: list[Thing] = []
        for thing in self._objects:
            if thing.ref.kind == "Secret":
                self._left_out.add("secrets_left_out")
            if not self._is_wanted(thing):
                continue
            if not thing.ref.name:
                yield from self._nameless(thing)
            elif thing.ref.kind == "Pod":
                pods.append(thing)
            else:
                self._take(thing, self._key(thing.ref), self._name(thing, {}))
        owned = self._take_pods(pods)
        for name in tell_apart(self._spellings):
            self._left_out.add("names_shared", name)
        for ref in self._objects.repeated:
            self._left_out.add("described_twice", str(ref))
        yield from (spelling.record for spelling in self._spellings)
        yield from self._relationships(owned)
        yield from self._warnings(file)

    def _is_wanted(self, thing: Thing) -> bool:
        """Whether this object is a CI, so far as rules about kinds and namespaces say."""
        if is_made_by_another(thing):
            return False
        if matches(thing.ref.namespace, self._mapping.listed("leave_out_namespaces")):
            self._left_out.add("namespaces_left_out", str(thing.ref))
            return False
        if self._class_of(thing) is None:
            if not matches(thing.ref.kind, self._mapping.listed("no_items")):
                self._unknown_kinds[thing.ref.kind] += 1
            return False
        return True

    def _class_of(self, thing: Thing) -> str | None:
        """The word that [classes] has for an object: the kind with what tells more, or the kind."""
        kind = thing.ref.kind
        images = images_of(thing)
        more = provider_of(thing) if kind == "Node" else images and image(images[0]).name
        word = f"{kind}/{more}" if more else kind
        if self._mapping.ci_class(word) is not None or self._mapping.ignores_class(word):
            return word
        return kind if self._mapping.ci_class(kind) is not None else None

    def _nameless(self, thing: Thing) -> Iterator[Problem]:
        if text_of(thing.metadata.get("generateName")):
            self._left_out.add("nameless_objects", thing.ref.kind)
            return
        yield problem(
            "missing_value",
            f"this {thing.ref.kind} has no name",
            where=thing.where,
            kind=Kind.CI,
            column="metadata.name",
        )

    def _take(self, thing: Thing, key: str, name: str) -> None:
        word = self._class_of(thing) or thing.ref.kind
        said = said_by(thing) | {"name": name, "cluster": self._cluster}
        record = None
        if not self._mapping.ignores_class(thing.ref.kind):
            record = self._made.ci(thing.where, key, word, said)
        if record is None:
            self._left_out.add("left_out_by_mapping", str(thing.ref))
            return
        if owner_of(thing) is None:
            self._left_out.add("secrets_left_out", count=count_variables(thing))
        self._keep(thing.ref, key, record)
        if thing.ref.kind == "Service":
            self._take_external(thing)

    def _take_external(self, service: Thing) -> None:
        """The host outside of the cluster that a Service stands for, where the mapping asks."""
        host = external_name(service)
        if host is None or service_of(host) or self._mapping.ci_class(EXTERNAL) is None:
            return
        ref = Ref(EXTERNAL, "", host)
        if ref not in self._keys:
            said = {"name": host, "fqdn": host}
            record = self._made.ci(service.where, self._key(ref), EXTERNAL, said)
            if record is not None:
                self._keep(ref, self._key(ref), record)

    def _keep(self, ref: Ref, key: str, record: ParsedRecord) -> None:
        self._keys[ref] = key
        name = str(record.fields.get("name", ref.name))
        longer = [f"{name} ({ref.kind})"]
        if ref.namespace and "{namespace}" not in self._mapping.option("name", "{name}"):
            longer = [f"{ref.namespace}/{name}", f"{ref.namespace}/{name} ({ref.kind})"]
        elif not ref.namespace:
            longer.insert(0, name)  # what belongs to a namespace makes room first
        plain = self._mapping.listed("plain_namespaces")
        rank = plain.index(ref.namespace) if ref.namespace in plain else None
        self._spellings.append(Spelling(self._doubtful.set_aside(record), tuple(longer), rank))

    def _take_pods(self, pods: list[Thing]) -> dict[Ref, list[Thing]]:
        """Make CIs of the Pods; returns those of each workload."""
        workloads = set(self._keys)
        owned: dict[Ref, list[Thing]] = defaultdict(list)
        for pod in pods:
            if text_of(pod.status.get("phase")) in _ENDED:
                self._left_out.add("pods_ended", str(pod.ref))
                continue
            owner = workload_of(pod, self._objects, workloads)
            if owner is UNKNOWN:
                self._left_out.add("owner_not_described", str(pod.ref))
            owned[pod.ref if owner is None or owner is UNKNOWN else owner].append(pod)
        template = self._mapping.option("pod_name", "{name}")
        for workload, some in sorted(owned.items()):
            some.sort(key=_place)
            for number, pod in enumerate(some, start=1):
                key, name = self._key(pod.ref), self._name(pod, {})
                if workload != pod.ref:
                    words = {"{workload}": workload.name, "{n}": str(number)}
                    name = self._name(pod, words, template)
                    if "{n}" in template:
                        of = f"{workload.kind}/{workload.name}#{number}"
                        key = self._key(Ref("Pod", pod.ref.namespace, of))
                self._take(pod, key, name)
        kept = {
            workload: [pod for pod in some if pod.ref in self._keys]
            for workload, some in owned.items()
        }
        return {workload: some for workload, some in kept.items() if some}

    def _relationships(self, pods: dict[Ref, list[Thing]]) -> Iterator[ParsedRecord]:
        links = Links(self._objects, self._keys, pods, self._left_out)
        for ref in sorted(self._keys):
            thing = self._objects.get(ref)
            for link in links.of(thing) if thing is not None else ():
                record = self._made.relationship(
                    thing.where if thing is not None else Where(""),
                    link.name,
                    self._keys[link.this],
                    self._keys[link.that],
                    redundancy_group=link.group,
                    min_up=link.min_up,
                )
                if record is not None:
                    yield record

    def _warnings(self, file: str) -> Iterator[Problem]:
        yield from self._made.warnings(file)
        yield from self._doubtful.warnings(file)
        yield from self._left_out.warnings(file)
        for kind, count in sorted(self._unknown_kinds.items()):
            yield problem(
                "unknown_source_class",
                f"objects of the kind {kind} were left out, which the mapping does not know: "
                f"{count:,}",
                where=Where(file),
                severity=Severity.WARNING,
                column="kind",
                value=kind,
                hint=f'add to the mapping, under [classes]: "{kind}" = "one of our classes"; '
                f"or `{kind}` to the option no_items",
            )

    def _key(self, ref: Ref) -> str:
        return f"{self._cluster}/{ref}"

    def _name(self, thing: Thing, words: dict[str, str], template: str | None = None) -> str:
        if template is None:
            template = self._mapping.option("name", "{name}") if thing.ref.namespace else "{name}"
        kind, namespace, name = thing.ref
        said = {"{cluster}": self._cluster, "{kind}": kind, "{namespace}": namespace}
        for word, value in {**said, **words, "{name}": name}.items():
            template = template.replace(word, value)
        return template


def _place(pod: Thing) -> tuple[Any, ...]:
    """The order in which the Pods of a workload are numbered: those of a StatefulSet by their own
    numbers, others by the node, where a new Pod often follows an old one."""
    name = pod.ref.name
    number = _TRAILING_NUMBER.search(name)
    owner = owner_of(pod)
    if owner is not None and owner.kind == "StatefulSet" and number:
        return "", int(number[0]), name
    return text_of(pod.spec.get("nodeName")) or "", 0, name
