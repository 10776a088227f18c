"""Services of Compose files, with what one takes over from another (`extends`, further files)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.records import Where

_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")
"""A volume's name; a single letter is a drive."""
_SERVICE_MODE = "service:"
_CONTAINER_MODE = "container:"


@dataclass(slots=True)
class Service:
    """What one service says. Commands and the values of variables are never read."""

    where: Where
    image: str | None = None
    build: str | None = None
    container_name: str | None = None
    hostname: str | None = None
    restart: str | None = None
    platform: str | None = None
    replicas: Any = None
    depends_on: dict[str, bool] = field(default_factory=dict)
    """By service: whether it is required."""
    links: list[str] = field(default_factory=list)
    external_links: list[str] = field(default_factory=list)
    """Names of containers."""
    volumes_from: list[str] = field(default_factory=list)
    """Names of services, or of containers behind `container:`."""
    shares: list[str] = field(default_factory=list)
    """Whose network, processes or memory it uses: written like `volumes_from`."""
    volumes: list[str] = field(default_factory=list)
    """Names of volumes; folders of the host are none."""
    profiles: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    variables: int = 0
    """Environment variables, and files of them."""
    extends: str | None = None
    extends_file: str | None = None

    def over(self, base: "Service") -> "Service":
        """This service with what `base` says besides: lists are joined, single values replaced."""
        merged: dict[str, Any] = {}
        for name in (each.name for each in fields(self)):
            own, other = getattr(self, name), getattr(base, name)
            if isinstance(own, list):
                merged[name] = list(dict.fromkeys([*other, *own]))
            elif isinstance(own, dict):
                merged[name] = {**other, **own}
            elif name == "variables":
                merged[name] = own + other
            else:
                merged[name] = other if own is None else own
        return Service(**merged)


def service(body: dict[str, Any], where: Where) -> Service:
    """A service as it is written."""
    deploy = members(body.get("deploy"))
    extends = body.get("extends")
    modes = [text_of(body.get(name)) or "" for name in ("network_mode", "ipc", "pid")]
    return Service(
        where,
        image=text_of(body.get("image")),
        build=_build(body.get("build")),
        container_name=text_of(body.get("container_name")),
        hostname=text_of(body.get("hostname")),
        restart=text_of(body.get("restart")),
        platform=text_of(body.get("platform")),
        replicas=_replicas(deploy.get("replicas"), body.get("scale")),
        depends_on=_depends_on(body.get("depends_on")),
        links=[each.partition(":")[0] for each in _texts(body.get("links"))],
        external_links=[each.partition(":")[0] for each in _texts(body.get("external_links"))],
        volumes_from=[_without_mode(each) for each in _texts(body.get("volumes_from"))],
        shares=[
            each.removeprefix(_SERVICE_MODE)
            for each in modes
            if each.startswith((_SERVICE_MODE, _CONTAINER_MODE))
        ],
        volumes=list(dict.fromkeys(_volumes(body.get("volumes")))),
        profiles=list(_texts(body.get("profiles"))),
        ports=[each for each in map(_port, items(body.get("ports"))) if each is not None],
        networks=list(_names(body.get("networks"))),
        labels={**_labels(deploy.get("labels")), **_labels(body.get("labels"))},
        variables=_count(body.get("environment")) + _count(body.get("env_file")),
        extends=text_of(members(extends).get("service")) or text_of(extends),
        extends_file=text_of(members(extends).get("file")),
    )


def extended(
    services: dict[str, Service], not_found: Callable[[str, str], None]
) -> dict[str, Service]:
    """The services with what they take over from others of the same file.

    `not_found` is told the service and what it extends, where that is elsewhere or in a circle.
    """
    done: dict[str, Service] = {}
    for name in services:
        chain: list[str] = []
        at: str | None = name
        while at is not None and at not in done and at in services and at not in chain:
            chain.append(at)
            said = services[at]
            at = said.extends if said.extends_file is None else None
        for each in reversed(chain):
            own = services[each]
            base = done.get(own.extends) if own.extends and own.extends_file is None else None
            if base is None and (own.extends or own.extends_file):
                not_found(each, f"{own.extends_file or ''} {own.extends or ''}".strip())
            done[each] = own if base is None else own.over(base)
    return done


def is_container(said: str) -> str | None:
    """The container that a reference names, where it names no service."""
    return said.removeprefix(_CONTAINER_MODE) if said.startswith(_CONTAINER_MODE) else None


def labels_of(body: Any) -> dict[str, str]:
    """Labels of a volume, in either form."""
    return _labels(members(body).get("labels"))


def _depends_on(value: Any) -> dict[str, bool]:
    if isinstance(value, dict):
        return {
            str(name): members(said).get("required") is not False for name, said in value.items()
        }
    return dict.fromkeys(_texts(value), True)


def _volumes(value: Any) -> Iterator[str]:
    for entry in items(value):
        if isinstance(entry, dict):
            source = text_of(entry.get("source"))
            if entry.get("type") == "volume" and source is not None:
                yield source
        elif (said := text_of(entry)) is not None:
            source, found, _ = said.partition(":")
            if found and _VOLUME.fullmatch(source):
                yield source


def _port(value: Any) -> str | None:
    if not isinstance(value, dict):
        return text_of(value)
    parts = [text_of(value.get(name)) for name in ("host_ip", "published", "target")]
    written = ":".join(each for each in parts if each is not None)
    protocol = text_of(value.get("protocol"))
    return f"{written}/{protocol}" if written and protocol else written or None


def _labels(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        found = ((str(name), text_of(each)) for name, each in value.items())
        return {name: each for name, each in found if each is not None}
    pairs = (each.partition("=") for each in _texts(value))
    return {name.strip(): said.strip() for name, _, said in pairs if said.strip()}


def _build(value: Any) -> str | None:
    return text_of(value) or text_of(members(value).get("context"))


def _replicas(*values: Any) -> int | str | None:
    for value in values:
        if isinstance(value, int | str) and not isinstance(value, bool) and value != "":
            return value
    return None


def _without_mode(said: str) -> str:
    """`web:ro` is `web`, and `container:old:rw` is `container:old`."""
    return re.sub(r":(?:ro|rw)\Z", "", said)


def _names(value: Any) -> Iterator[str]:
    yield from (str(name) for name in value) if isinstance(value, dict) else _texts(value)


def _texts(value: Any) -> Iterator[str]:
    yield from (each for each in map(text_of, items(value)) if each is not None)


def _count(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else int(text_of(value) is not None)
