"""Which Kubernetes object needs which: by names, selectors and owners."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.kubernetes.fields import claims_of
from cmdb.importers.kubernetes.objects import Objects, Ref, Thing, labels_of
from cmdb.importers.kubernetes.owners import UNKNOWN, workload_of
from cmdb.importers.kubernetes.selectors import Budgets, LabelledPods, min_up
from cmdb.importers.left_out import LeftOut

BACKENDS, CONTAINERS = "backends", "containers"
EXTERNAL = "ExternalName"
"""The kind under which a mapping may make CIs of the hosts that Services lead to."""
_IN_CLUSTER = re.compile(r"([^.]+)\.([^.]+)\.svc(?:\..*)?", re.IGNORECASE)
_RUN_TO_AN_END = frozenset({"Job", "CronJob"})


class Link(NamedTuple):
    """One relationship, by the name that mappings have for it."""

    name: str
    this: Ref
    that: Ref
    group: str | None = None
    min_up: int | str | None = None


class Links:
    """The relationships among the CIs of one load."""

    def __init__(
        self,
        objects: Objects,
        cis: Container[Ref],
        pods: Mapping[Ref, list[Thing]],
        left_out: LeftOut,
    ) -> None:
        """`pods` has the Pods of every workload; a Pod that has none is its own."""
        self._objects, self._cis, self._pods, self._left_out = objects, cis, pods, left_out
        self._labelled = LabelledPods()
        self._budgets = Budgets(
            thing for thing in objects if thing.ref.kind == "PodDisruptionBudget"
        )
        for thing in objects:
            if thing.ref in cis and thing.template and thing.ref.kind not in _RUN_TO_AN_END:
                self._labelled.add(thing.ref, labels_of(thing.template.get("metadata")))
        for owner, some in pods.items():
            owning = objects.get(owner)
            if owning is not None and not owning.template:
                for pod in some:
                    self._labelled.add(owner, labels_of(pod.metadata))

    def of(self, thing: Thing) -> Iterator[Link]:
        """What one CI needs, each once."""
        kind = thing.ref.kind
        if kind == "Ingress":
            found = self._of_ingress(thing)
        elif kind == "Service":
            found = self._of_service(thing)
        elif kind == "Pod":
            found = self._of_pod(thing)
        elif kind == "PersistentVolumeClaim":
            found = self._of_claim(thing)
        else:
            found = self._of_workload(thing)
        yield from (link for link in dict.fromkeys(found) if link.this != link.that)

    def _of_ingress(self, thing: Thing) -> Iterator[Link]:
        for name in backends_of(thing):
            service = Ref("Service", thing.ref.namespace, name)
            yield from self._to("ingress_service", thing, service)

    def _of_service(self, thing: Thing) -> Iterator[Link]:
        host = external_name(thing)
        if host is not None:
            inside = service_of(host)
            if inside is not None:
                yield from self._to("service_service", thing, inside)
            elif (outside := Ref(EXTERNAL, "", host)) in self._cis:
                yield Link("service_external", thing.ref, outside)
            else:
                self._left_out.add("external_names", f"{host} of {thing.ref}")
            return
        found = self._labelled.selected(thing.ref.namespace, thing.spec.get("selector"))
        if not found and members(thing.spec.get("selector")):
            self._left_out.add("selects_nothing", str(thing.ref))
        group, least = (BACKENDS, 1) if len(found) > 1 else (None, None)
        for ref in found:
            yield Link("service_workload", thing.ref, ref, group, least)

    def _of_pod(self, thing: Thing) -> Iterator[Link]:
        node = text_of(thing.spec.get("nodeName"))
        if node is not None:
            yield from self._to("pod_node", thing, Ref("Node", "", node))
        yield from self._claimed("pod_claim", thing)

    def _of_claim(self, thing: Thing) -> Iterator[Link]:
        volume = text_of(thing.spec.get("volumeName"))
        if volume is not None:
            yield from self._to("claim_volume", thing, Ref("PersistentVolume", "", volume))

    def _of_workload(self, thing: Thing) -> Iterator[Link]:
        pods = self._pods.get(thing.ref, [])
        if pods:
            least = min_up(self._budgets_of(thing, pods), len(pods), _replicas(thing))
            for pod in pods:
                yield Link("workload_pod", thing.ref, pod.ref, CONTAINERS, least)
        yield from self._claimed("workload_claim", thing)
        owner = workload_of(thing, self._objects, self._cis)
        if owner is not None and owner is not UNKNOWN:
            yield Link("owner_owned", owner, thing.ref)

    def _claimed(self, name: str, thing: Thing) -> Iterator[Link]:
        for claim in claims_of(thing):
            ref = Ref("PersistentVolumeClaim", thing.ref.namespace, claim)
            yield from self._to(name, thing, ref)

    def _to(self, name: str, thing: Thing, that: Ref) -> Iterator[Link]:
        if that in self._cis:
            yield Link(name, thing.ref, that)
        elif self._objects.get(that) is None:
            self._left_out.add("not_described", f"{that} for {thing.ref}")

    def _budgets_of(self, thing: Thing, pods: Iterable[Thing]) -> list[Thing]:
        some = thing if thing.template else next(iter(pods))
        labels = labels_of(some.template.get("metadata") if some.template else some.metadata)
        return self._budgets.fitting(thing.ref.namespace, labels)


def backends_of(thing: Thing) -> Iterator[str]:
    """The names of the Services that an Ingress leads to, also as versions before v1 wrote them."""
    spec = thing.spec
    backends: list[Any] = [spec.get("defaultBackend"), spec.get("backend")]
    for rule in map(members, items(spec.get("rules"))):
        for path in map(members, items(members(rule.get("http")).get("paths"))):
            backends.append(path.get("backend"))
    for backend in map(members, backends):
        service = members(backend.get("service"))
        name = text_of(service.get("name")) or text_of(backend.get("serviceName"))
        if name is not None:
            yield name


def external_name(thing: Thing) -> str | None:
    """The host that a Service of the type ExternalName stands for."""
    if thing.spec.get("type") != "ExternalName":
        return None
    host = (text_of(thing.spec.get("externalName")) or "").rstrip(".").lower()
    return host or None


def service_of(host: str) -> Ref | None:
    """The Service that a host name inside of the cluster stands for."""
    found = _IN_CLUSTER.fullmatch(host)
    return Ref("Service", found[2], found[1]) if found else None


def _replicas(thing: Thing) -> int | None:
    for value in (thing.spec.get("replicas"), thing.status.get("desiredNumberScheduled")):
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
