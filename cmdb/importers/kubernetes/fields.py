"""What Kubernetes objects say of themselves, by names that a mapping can speak of.

Environment variables, the data of Secrets and ConfigMaps, commands and arguments are never among
it.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

from cmdb.importers.images import image
from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.kubernetes.objects import Thing, labels_of, texts

_TOOLS_OWN = "kubectl.kubernetes.io/"
"""Annotations that hold a whole manifest, with everything that is left out here."""
_ROLE = "node-role.kubernetes.io/"
_ADDRESS_NAMES = {"ExternalIP": "external_ip", "InternalDNS": "internal_dns"}


def said_by(thing: Thing) -> dict[str, Any]:
    """Everything that an object says which may become a field or an attribute."""
    said: dict[str, Any] = {
        "namespace": thing.ref.namespace,
        "kubernetes_kind": thing.ref.kind,
        "created": text_of(thing.metadata.get("creationTimestamp")),
    }
    labels = labels_of(members(thing.template.get("metadata"))) | labels_of(thing.metadata)
    said |= {f"label:{name}": value for name, value in labels.items()}
    annotations = texts(thing.metadata.get("annotations"))
    said |= {
        f"annotation:{name}": value
        for name, value in annotations.items()
        if not name.startswith(_TOOLS_OWN)
    }
    describe = _BY_KIND.get(thing.ref.kind, _of_workload)
    return said | describe(thing)


def images_of(thing: Thing) -> list[str]:
    """The images of its containers, in their order."""
    found = (text_of(each.get("image")) for each in _containers(thing, "containers"))
    return list(dict.fromkeys(each for each in found if each is not None))


def count_variables(thing: Thing) -> int:
    """How many environment variables its containers have."""
    fields = ("containers", "initContainers", "ephemeralContainers")
    every = (each for field in fields for each in _containers(thing, field))
    return sum(len(items(each.get("env"))) + len(items(each.get("envFrom"))) for each in every)


def claims_of(thing: Thing) -> list[str]:
    """The names of the PersistentVolumeClaims that its Pods mount."""
    found: dict[str, None] = {}
    for volume in map(members, items(thing.pod_spec.get("volumes"))):
        name = text_of(members(volume.get("persistentVolumeClaim")).get("claimName"))
        if name is None and thing.ref.kind == "Pod" and "ephemeral" in volume:
            name = f"{thing.ref.name}-{text_of(volume.get('name'))}"
        if name is not None:
            found[name] = None
    return list(found)


def _containers(thing: Thing, field: str) -> Iterator[dict[str, Any]]:
    return map(members, items(thing.pod_spec.get(field)))


def _of_workload(thing: Thing) -> dict[str, Any]:
    images = images_of(thing)
    spec = thing.spec
    return {
        "images": images,
        "image_tag": image(images[0]).tag if images else None,
        "replicas": _number(spec.get("replicas")),
        "schedule": text_of(spec.get("schedule")),
        "suspended": spec.get("suspend") is True or None,
    }


def _of_pod(thing: Thing) -> dict[str, Any]:
    images = images_of(thing)
    return {
        "images": images,
        "image_tag": image(images[0]).tag if images else None,
        "phase": text_of(thing.status.get("phase")),
        "pod_name": thing.ref.name,
        "pod_ip": text_of(thing.status.get("podIP")),
    }


def _of_node(thing: Thing) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for address in map(members, items(thing.status.get("addresses"))):
        kind, value = text_of(address.get("type")), text_of(address.get("address"))
        if kind is None or value is None:
            continue
        if kind == "InternalIP" and _is_ip(value):
            said.setdefault("internal_ip", value)
        elif kind == "Hostname" and "." in value:
            said.setdefault("hostname", value)
        elif kind in _ADDRESS_NAMES:
            said.setdefault(_ADDRESS_NAMES[kind], value)
    info = members(thing.status.get("nodeInfo"))
    capacity = members(thing.status.get("capacity"))
    labels = labels_of(thing.metadata)
    return said | {
        "node_name_fqdn": thing.ref.name if "." in thing.ref.name else None,
        "cloud_id": _cloud_id(text_of(thing.spec.get("providerID"))),
        "roles": sorted(each.removeprefix(_ROLE) for each in labels if each.startswith(_ROLE)),
        "zone": labels.get("topology.kubernetes.io/zone"),
        "instance_type": labels.get("node.kubernetes.io/instance-type"),
        "unschedulable": thing.spec.get("unschedulable") is True or None,
        "cpu": text_of(capacity.get("cpu")),
        "memory": text_of(capacity.get("memory")),
        "os": text_of(info.get("osImage")),
        "kernel": text_of(info.get("kernelVersion")),
        "kubelet_version": text_of(info.get("kubeletVersion")),
        "container_runtime": text_of(info.get("containerRuntimeVersion")),
        "architecture": text_of(info.get("architecture")),
        "system_uuid": text_of(info.get("systemUUID")),
    }


def _of_service(thing: Thing) -> dict[str, Any]:
    spec = thing.spec
    ports = (
        f"{number}/{text_of(port.get('protocol')) or 'TCP'}"
        for port in map(members, items(spec.get("ports")))
        if (number := text_of(port.get("port"))) is not None
    )
    return {
        "service_type": text_of(spec.get("type")),
        "cluster_ip": text_of(spec.get("clusterIP")),
        "external_name": text_of(spec.get("externalName")),
        "ports": list(ports),
        "addresses": _balancer_addresses(thing),
    }


def _of_ingress(thing: Thing) -> dict[str, Any]:
    spec = thing.spec
    annotations = texts(thing.metadata.get("annotations"))
    hosts = [text_of(rule.get("host")) for rule in map(members, items(spec.get("rules")))]
    return {
        "hosts": list(dict.fromkeys(each for each in hosts if each is not None)),
        "ingress_class": text_of(spec.get("ingressClassName"))
        or annotations.get("kubernetes.io/ingress.class"),
        "tls": bool(items(spec.get("tls"))) or None,
        "addresses": _balancer_addresses(thing),
    }


def _of_claim(thing: Thing) -> dict[str, Any]:
    requested = members(members(thing.spec.get("resources")).get("requests"))
    capacity = members(thing.status.get("capacity"))
    return {
        "capacity": text_of(capacity.get("storage")) or text_of(requested.get("storage")),
        "storage_class": text_of(thing.spec.get("storageClassName")),
        "access_modes": _texts_of(thing.spec.get("accessModes")),
        "phase": text_of(thing.status.get("phase")),
    }


def _of_volume(thing: Thing) -> dict[str, Any]:
    spec = thing.spec
    csi, nfs = members(spec.get("csi")), members(spec.get("nfs"))
    server, path = text_of(nfs.get("server")), text_of(nfs.get("path"))
    return {
        "capacity": text_of(members(spec.get("capacity")).get("storage")),
        "storage_class": text_of(spec.get("storageClassName")),
        "access_modes": _texts_of(spec.get("accessModes")),
        "reclaim_policy": text_of(spec.get("persistentVolumeReclaimPolicy")),
        "phase": text_of(thing.status.get("phase")),
        "csi_driver": text_of(csi.get("driver")),
        "volume_handle": text_of(csi.get("volumeHandle")),
        "nfs": f"{server}:{path or '/'}" if server else None,
    }


_BY_KIND = {
    "Pod": _of_pod,
    "Node": _of_node,
    "Service": _of_service,
    "Ingress": _of_ingress,
    "PersistentVolumeClaim": _of_claim,
    "PersistentVolume": _of_volume,
}


def provider_of(thing: Thing) -> str | None:
    """Who runs a Node, by its `providerID`: `aws` of `aws:///eu-west-1a/i-0abc`."""
    scheme, found, _ = (text_of(thing.spec.get("providerID")) or "").partition("://")
    return scheme.lower() if found and scheme else None


def _cloud_id(provider_id: str | None) -> str | None:
    """The machine's id as its cloud's own inventory has it."""
    scheme, found, rest = (provider_id or "").partition("://")
    if not found:
        return None
    if scheme == "aws":
        return rest.rpartition("/")[2] or None
    return rest if scheme == "azure" else provider_id


def _balancer_addresses(thing: Thing) -> list[str]:
    balancer = members(thing.status.get("loadBalancer"))
    found = (
        text_of(each.get("ip")) or text_of(each.get("hostname"))
        for each in map(members, items(balancer.get("ingress")))
    )
    return [each for each in found if each is not None]


def _texts_of(value: Any) -> list[str]:
    return [each for each in map(text_of, items(value)) if each is not None]


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
