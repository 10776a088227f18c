"""From a Pod up the chain of its owners to the workload that a person would name."""

from collections.abc import Container
from enum import Enum
from typing import Any, Final

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.kubernetes.objects import Objects, Ref, Thing, kind_of, labels_of

_MAKERS = {
    "ReplicaSet": ("Deployment", "Rollout.argoproj.io"),
    "Job": ("CronJob",),
    "ReplicationController": ("DeploymentConfig.apps.openshift.io",),
}
"""Kinds that another one makes, which names them after itself: `NAME-SUFFIX`."""
_HASH = "pod-template-hash"
_LONGEST_CHAIN = 10


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""There is an owner, but the files do not describe it."""


def owner_of(thing: Thing) -> Ref | None:
    """Whom an object belongs to: its controller, else the first of its owners."""
    owners = [members(each) for each in items(thing.metadata.get("ownerReferences"))]
    controllers = [each for each in owners if each.get("controller") is True]
    for owner in controllers or owners:
        kind, name = text_of(owner.get("kind")), text_of(owner.get("name"))
        if kind is not None and name is not None:
            kind = kind_of(text_of(owner.get("apiVersion")) or "v1", kind)
            return Ref(kind, thing.ref.namespace, name)
    return None


def is_made_by_another(thing: Thing) -> bool:
    """Whether this is but a step between a workload and its Pods."""
    return thing.ref.kind in _MAKERS and owner_of(thing) is not None


def workload_of(thing: Thing, objects: Objects, cis: Container[Ref]) -> Ref | Unknown | None:
    """The CI that an object belongs to; None where it stands for itself."""
    owner = owner_of(thing)
    if owner is None or owner.kind == "Node":  # what a node's kubelet starts from its own files
        return None
    labels: dict[str, Any] = dict(labels_of(thing.metadata))
    for _ in range(_LONGEST_CHAIN):
        if owner in cis:
            return owner
        owning = objects.get(owner)
        above = owner_of(owning) if owning is not None else None
        if above is None:
            return _by_its_name(owner, labels, cis)
        owner = above
    return UNKNOWN


def _by_its_name(owner: Ref, labels: dict[str, Any], cis: Container[Ref]) -> Ref | Unknown:
    """The maker of a step that the files leave out, by how it names what it makes."""
    suffix = labels.get(_HASH)
    name = owner.name.removesuffix(f"-{suffix}") if suffix else owner.name.rpartition("-")[0]
    for kind in _MAKERS.get(owner.kind, ()):
        maker = Ref(kind, owner.namespace, name)
        if maker in cis:
            return maker
    return UNKNOWN
