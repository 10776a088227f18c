"""From Compose files to records: projects, their services and volumes, and what needs what."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from cmdb.importers.compose.services import Service, extended, is_container, labels_of, service
from cmdb.importers.distinct_names import Spelling, tell_apart
from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.images import image
from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.left_out import LeftOut, Reason
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.yaml_or_json import documents_of
from cmdb.problems import problem
from cmdb.schemas import Problem

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_-]")
_FILE_WORDS = re.compile(r"(?:docker-)?compose|override", re.IGNORECASE)
_REASONS = {
    "extends_elsewhere": Reason(
        "services extend one that is not in their file; what it says is missing",
        "load what `docker compose config` writes: everything is in one file there",
    ),
    "includes_not_read": Reason(
        "files that `include` names are not read by it",
        "load them together with this one, or load what `docker compose config` writes",
    ),
    "files_merged": Reason(
        "services are described in several files of one project, which were laid over each other",
        "if these are different projects, give each a `name:` at the top",
    ),
    "not_described": Reason(
        "services or volumes that are needed are not in the files, so that relationships were "
        "left out",
        "load the files of the other projects together with this one",
    ),
    "names_shared": Reason(
        "names of services are used in several projects, so that the project was put in front"
    ),
    "left_out_by_mapping": Reason("services or volumes that [ignore] names were left out"),
    "secrets_left_out": Reason(
        "environment variables, files of them and mount options that were left out"
    ),
}


@dataclass(slots=True)
class Project:
    """The services and volumes of one project, from one file or several."""

    services: dict[str, Service] = field(default_factory=dict)
    volumes: dict[str, tuple[dict[str, Any], Where]] = field(default_factory=dict)


class Projects:
    """What all files of one load say, by project."""

    def __init__(self, mapping: Mapping) -> None:
        self._said = mapping.option("project").strip()
        self.by_name: dict[str, Project] = defaultdict(Project)
        self.left_out = LeftOut(_REASONS)

    def take(self, file: OpenedFile) -> Iterator[Item]:
        """Take in a file; yields what is wrong with it."""
        for document in documents_of(file):
            where = Where(file.name, getattr(document, "line", None), "")
            if isinstance(document, Problem):
                yield document
            elif not isinstance(document, dict) or not _may_have_services(document):
                yield problem(
                    "unexpected_shape",
                    "a Compose file must hold an object with a map of `services`",
                    where=where,
                    value=document,
                    hint="services: {web: {image: web:1}}",
                )
            else:
                yield KindSeen(Kind.CI)
                yield KindSeen(Kind.RELATIONSHIP)
                yield from self._take(document, where)

    def _take(self, document: dict[str, Any], where: Where) -> Iterator[Problem]:
        name = text_of(document.get("name")) or self._said or _project_of(where.file)
        project = self.by_name[name]
        found: dict[str, Service] = {}
        for called, body in members(document.get("services")).items():
            place = _place(where, "services", str(called), body)
            if body is None or isinstance(body, dict):
                found[str(called)] = service(body or {}, place)
            else:
                yield problem(
                    "unexpected_shape",
                    "a service must be an object",
                    where=place,
                    kind=Kind.CI,
                    value=body,
                )
        for called, said in extended(found, self._extends_elsewhere).items():
            known = project.services.get(called)
            if known is not None:
                self.left_out.add("files_merged", f"{name}/{called}")
            project.services[called] = said if known is None else said.over(known)
        for called, body in members(document.get("volumes")).items():
            place = _place(where, "volumes", str(called), body)
            known_body = project.volumes.get(str(called), ({}, place))[0]
            project.volumes[str(called)] = ({**known_body, **members(body)}, place)
        for each in items(document.get("include")):
            self.left_out.add("includes_not_read", text_of(each) or str(where))

    def _extends_elsewhere(self, name: str, what: str) -> None:
        self.left_out.add("extends_elsewhere", f"{name} ({what})")


class Reading:
    """Makes records of projects."""

    def __init__(self, projects: Projects, mapping: Mapping) -> None:
        self._projects, self._mapping = projects.by_name, mapping
        self._left_out = projects.left_out
        self._made = MappedRecords(mapping)
        self._doubtful = DoubtfulValues()
        self._spellings: dict[str, Spelling] = {}
        self._containers: dict[str, str] = {}
        """Keys of services by what their containers are called."""
        self._relationships: dict[tuple[str, ...], ParsedRecord] = {}

    def items(self, file: str) -> Iterator[Item]:
        """Everything, the file named in warnings that are about all of them."""
        for name, project in sorted(self._projects.items()):
            for called, said in sorted(project.services.items()):
                self._take_service(name, called, said)
            for called, (body, where) in sorted(project.volumes.items()):
                self._take_volume(name, called, body, where)
        for shared in tell_apart(self._spellings.values()):
            self._left_out.add("names_shared", shared)
        for name, project in sorted(self._projects.items()):
            for called, said in sorted(project.services.items()):
                if _key(name, called) in self._spellings:
                    self._relate(name, project, called, said)
        yield from (spelling.record for spelling in self._spellings.values())
        yield from self._relationships.values()
        yield from self._made.warnings(file)
        yield from self._doubtful.warnings(file)
        yield from self._left_out.warnings(file)

    def _take_service(self, project: str, name: str, said: Service) -> None:
        found = image(said.image or "")
        word = f"service/{found.name}"
        if self._mapping.ci_class(word) is None and not self._mapping.ignores_class(word):
            word = "service"
        template = self._mapping.option("name", "{service}")
        attributes = {
            "name": template.replace("{project}", project).replace("{service}", name),
            "service": name,
            "project": project,
            "image": said.image,
            "image_tag": found.tag,
            "build": said.build,
            "container_name": said.container_name,
            "hostname": said.hostname,
            "restart": said.restart,
            "platform": said.platform,
            "replicas": said.replicas,
            "profiles": said.profiles,
            "ports": said.ports,
            "networks": said.networks,
        }
        labels = {f"label:{label}": value for label, value in said.labels.items()}
        key = _key(project, name)
        if not self._take(said.where, key, word, labels | attributes, f"{project}/{name}"):
            return
        self._left_out.add("secrets_left_out", count=said.variables)
        for container in (f"{project}-{name}-1", f"{project}_{name}_1", said.container_name):
            if container:
                self._containers.setdefault(container, key)

    def _take_volume(self, project: str, name: str, body: dict[str, Any], where: Where) -> None:
        options = members(body.get("driver_opts"))
        key, called = _volume(project, name, body)
        labels = {f"label:{label}": value for label, value in labels_of(body).items()}
        said = {
            "name": called,
            "project": None if _is_external(body) else project,
            "external": _is_external(body) or None,
            "driver": text_of(body.get("driver")),
            "device": text_of(options.get("device")),
        }
        if key not in self._spellings and self._take(
            where, key, "volume", labels | said, f"{project}/{called}"
        ):
            self._left_out.add("secrets_left_out", count=int("o" in options))

    def _take(self, where: Where, key: str, word: str, said: dict[str, Any], longer: str) -> bool:
        record = None
        if not self._mapping.ignores_class(word.partition("/")[0]):
            record = self._made.ci(where, key, word, said)
        if record is None:
            self._left_out.add("left_out_by_mapping", key)
            return False
        self._spellings[key] = Spelling(self._doubtful.set_aside(record), (longer, key))
        return True

    def _relate(self, name: str, project: Project, called: str, said: Service) -> None:
        key = _key(name, called)
        for other, required in said.depends_on.items():
            self._add(said.where, "depends_on", key, self._service(name, other), other, required)
        for other in said.links:
            self._add(said.where, "links", key, self._service(name, other), other)
        for other in said.external_links:
            self._add(said.where, "external_links", key, self._container(other), other)
        for relation, others in (("volumes_from", said.volumes_from), ("shares", said.shares)):
            for other in others:
                container = is_container(other)
                found = self._service(name, other) if container is None else None
                found = self._container(container) if container is not None else found
                self._add(said.where, relation, key, found, other)
        for volume in said.volumes:
            body = project.volumes.get(volume)
            found = None if body is None else _volume(name, volume, body[0])[0]
            self._add(said.where, "volume", key, found, volume)

    def _service(self, project: str, name: str) -> str | None:
        return _key(project, name) if name in self._projects[project].services else None

    def _container(self, name: str) -> str | None:
        return self._containers.get(name)

    def _add(
        self,
        where: Where,
        relation: str,
        this: str,
        that: str | None,
        called: str,
        required: bool = True,
    ) -> None:
        if that is None:
            self._left_out.add("not_described", f"{called} for {this}")
        elif that in self._spellings and that != this:
            dependency = None if required else "optional"
            record = self._made.relationship(where, relation, this, that, dependency=dependency)
            if record is not None:
                fields = record.fields
                ends = (fields["dependent"], fields["provider"], fields["type"])
                known = self._relationships.setdefault(ends, record)
                if known.fields.get("dependency") == "optional" and "dependency" not in fields:
                    self._relationships[ends] = record  # one that it cannot do without


def _key(project: str, service_name: str) -> str:
    return f"{project}/{service_name}"


def _volume(project: str, name: str, body: dict[str, Any]) -> tuple[str, str]:
    """The key and the name of a volume; an external one is the same for every project."""
    named = text_of(members(body.get("external")).get("name")) or text_of(body.get("name"))
    if _is_external(body):
        return f"volume:{named or name}", named or name
    return f"{project}/volume:{name}", named or f"{project}_{name}"


def _is_external(body: dict[str, Any]) -> bool:
    return body.get("external") is True or isinstance(body.get("external"), dict)


def _may_have_services(document: dict[str, Any]) -> bool:
    """Also a file that only adds volumes or includes others is one."""
    services = document.get("services")
    if services is None:
        return bool(document.keys() & {"services", "include", "volumes"})
    return isinstance(services, dict)


def _project_of(file: str) -> str:
    """What Compose calls a project that has no name: as its folder; without one as the file."""
    path = PurePosixPath(file.replace("\\", "/"))
    said = path.parent.name or _FILE_WORDS.sub("", path.stem)
    return _NOT_IN_A_NAME.sub("", said.lower()).strip("_-") or "compose"


def _place(where: Where, section: str, name: str, body: Any) -> Where:
    step = name.replace("~", "~0").replace("/", "~1")
    line = getattr(body, "line", None)
    return where._replace(row=line or where.row, pointer=f"/{section}/{step}")
