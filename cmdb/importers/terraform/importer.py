"""Terraform and OpenTofu: the resources of a state or plan, and what they depend on."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any

from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.file_names import told
from cmdb.importers.json_text import begins_json
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping, matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import CI_FIELDS, Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.terraform.dependencies import EACH, GROUP, Dependencies, Dependency
from cmdb.importers.terraform.state import Resource, resources, what_is
from cmdb.importers.terraform.values import count_marks, host_name, value_at
from cmdb.plain_text import RefusedValueError
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity
from cmdb.values import CI_VALUES

NAME = "terraform"

_STATE_FILE = "terraform.tfstate"
_CLOUD_ID = re.compile(
    r"(?:arn:|/|https?://|projects/)\S+|[a-z]+-[0-9a-f]{8,17}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
"""What names one thing in the world: an ARN, a path of Azure's or Google's, an EC2 id, a UUID."""
_HOSTS = frozenset({"fqdn", "ip_address"})
_KEPT_DOUBTFUL = frozenset(CI_FIELDS) - _HOSTS - {"name"}
"""Fields that people fill in: what they hold is told where it does not fit."""


def recognises(file: OpenedFile) -> Recognition | None:
    """By the members that only Terraform writes together."""
    if not begins_json(file):
        return Recognition.by_name(file, ".tfstate")
    kind = what_is(file.json)
    if kind == "empty state":
        return Recognition.by_content("it has the format_version of an empty Terraform state")
    return Recognition.exactly(f"it is a Terraform {kind}") if kind else None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Each file is a state of its own: addresses in it mean its own resources."""
    reader = _Reader(context.mapping)
    for file in files:
        document = file.json
        if isinstance(document, Problem):
            yield document
        else:
            yield from reader.read(document, file.name)
    if files:
        yield from reader.warnings(files[0].name)


class _Reader:
    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        # Fields are looked up here, past what is secret; no other value gets through.
        by_our_names = mapping.model_copy(update={"fields": {}, "keep_other_fields": True})
        self._mapped = MappedRecords(by_our_names)
        self._doubtful = DoubtfulValues()
        self._configuration_kinds = mapping.listed("configuration_kinds")
        self._configuration: dict[str, bool] = {}
        self._plain: dict[str, bool] = {}
        self._instances = mapping.option("several_instances", GROUP)
        self._left_out: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._secrets = 0
        self._files: dict[str, str] = {}
        self._in_several: dict[str, tuple[str, str]] = {}

    def read(self, document: Any, file: str) -> Iterator[Item]:
        """The records of one state."""
        workspace = self._workspace(file)
        found: list[Resource] = []
        refused = False
        for item in resources(document, file, planned=self._mapping.flag("planned_resources")):
            if isinstance(item, Problem):
                refused = refused or item.severity is Severity.ERROR
                yield item
            else:
                found.append(item)
        if found or not refused:
            yield KindSeen(Kind.CI)
            yield KindSeen(Kind.RELATIONSHIP)
        cis: set[str] = set()
        for resource in found:
            record = self._ci(resource, workspace)
            if record is not None:
                cis.add(resource.address)
                self._note_file(str(record.fields["key"]), file)
                yield record
        dependencies = Dependencies(found, cis, self._instances)
        kept = (
            dependencies.all()
            if self._mapping.flag("indirect_dependencies")
            else dependencies.direct(self._is_plain)
        )
        for dependency in kept:
            yield from self._relationships(dependency, workspace)
        self._unknown.update(dependencies.unknown.keys())

    def warnings(self, file: str) -> Iterator[Problem]:
        """What was not understood or left out."""
        yield from self._mapped.warnings(file)
        yield from self._doubtful.warnings(file)
        for code, message, hint in self._notes():
            yield problem(code, message, where=Where(file), severity=Severity.WARNING, hint=hint)

    def _notes(self) -> Iterator[tuple[str, str, str]]:
        if self._secrets:
            values = "1 value is" if self._secrets == 1 else f"{self._secrets:,} values are"
            yield (
                "secrets_left_out",
                f"{values} marked as sensitive: none was taken",
                "states hold secrets as they are: keep the file as you keep those",
            )
        if self._left_out:
            in_order = sorted(self._left_out.items(), key=lambda each: (-each[1], each[0]))
            kinds = [f"{name} ({count:,})" for name, count in in_order]
            yield (
                "configuration_left_out",
                f"{_count(self._left_out)} of pure configuration became no CIs: {told(kinds)}",
                "a type that the mapping names under [classes] becomes one",
            )
        if self._unknown:
            yield (
                "unknown_dependencies",
                f"dependencies lead to what is not in the state: {told(sorted(self._unknown))}",
                "they belong to resources that were taken out of the configuration",
            )
        if self._in_several:
            address, (one, other) = min(self._in_several.items())
            yield (
                "address_in_several_files",
                f"{one} and {other} both have {address}",
                "of several states or workspaces: set the option workspace_from_file",
            )

    def _ci(self, resource: Resource, workspace: str) -> ParsedRecord | None:
        self._secrets += count_marks(resource.secret)
        if resource.is_data:
            return None
        if self._is_left_out(resource.type):
            self._left_out[resource.type] += 1
            return None
        said = self._said(resource)
        said.setdefault("name", resource.address)
        if said.get("resource_id") == said.get("cloud_id"):
            said.pop("resource_id", None)
        said |= {"terraform_type": resource.type, "terraform_address": resource.address}
        if workspace:
            said["terraform_workspace"] = workspace
        if resource.is_tainted:
            said["tainted"] = True
        record = self._mapped.ci(resource.where, _key(resource, workspace), resource.type, said)
        if record is None:
            return None
        if resource.is_planned:
            record.fields["status"] = "planned"
        return self._doubtful.set_aside(record)

    def _is_left_out(self, type_name: str) -> bool:
        """Whether this is mere configuration, and the mapping does not ask for it."""
        return self._is_configuration(type_name) and self._mapping.ci_class(type_name) is None

    def _is_configuration(self, type_name: str) -> bool:
        if type_name not in self._configuration:
            self._configuration[type_name] = matches(type_name, self._configuration_kinds)
        return self._configuration[type_name]

    def _said(self, resource: Resource) -> dict[str, Any]:
        """By our field: the first of the source's values that the field can hold."""
        said: dict[str, Any] = {}
        for ours, theirs in self._mapping.fields.items():
            doubtful = None
            for path in [theirs] if isinstance(theirs, str) else theirs:
                value = value_at(resource.values, resource.secret, path)
                if ours in _HOSTS:
                    value = host_name(value)
                if value is None:
                    continue
                if _fits(ours, self._mapping.value(ours, value)):
                    said[ours] = value
                    break
                doubtful = value if doubtful is None else doubtful
            if ours not in said and doubtful is not None and ours in _KEPT_DOUBTFUL:
                said[ours] = doubtful
        return said

    def _relationships(self, found: Dependency, workspace: str) -> Iterator[ParsedRecord]:
        grouped = len(found.providers) > 1 and self._instances != EACH
        for provider in found.providers:
            record = self._mapped.relationship(
                found.dependent.where,
                _pair(found.dependent.type, provider.type),
                _key(found.dependent, workspace),
                _key(provider, workspace),
                redundancy_group=found.block if grouped else None,
                min_up=1 if grouped else None,
                dependency="optional" if self._is_configuration(provider.type) else None,
            )
            if record is not None:
                yield record

    def _is_plain(self, dependent: str, provider: str) -> bool:
        """Whether a dependency between these types is required, and nothing but a dependency."""
        pair = _pair(dependent, provider)
        if pair not in self._plain:
            self._plain[pair] = self._says_no_more(pair) and not self._is_configuration(provider)
        return self._plain[pair]

    def _says_no_more(self, pair: str) -> bool:
        rule = self._mapping.relationship(pair)
        if rule is None or rule == "ignore":
            return False
        said = (rule.type, rule.dependent, rule.dependency or "required", rule.redundancy_group)
        return said == ("depends_on", "from", "required", None)

    def _workspace(self, file: str) -> str:
        """The option `workspace`, else the file's name where `workspace_from_file` asks for it."""
        said = self._mapping.option("workspace").strip()
        if said or not self._mapping.flag("workspace_from_file"):
            return said
        path = PurePosixPath(file.replace("\\", "/"))
        if path.name == _STATE_FILE and path.parent.name:
            return path.parent.name
        return path.name.removesuffix(".json").removesuffix(".tfstate")

    def _note_file(self, key: str, file: str) -> None:
        first = self._files.setdefault(key, file)
        if first != file:
            one, other = sorted((first, file))
            self._in_several[key] = (one, other)


def _key(resource: Resource, workspace: str) -> str:
    return f"{workspace}/{resource.address}" if workspace else resource.address


def _pair(dependent: str, provider: str) -> str:
    """How the mapping names a dependency between two types."""
    return f"{dependent} -> {provider}"


def _fits(field: str, value: Any) -> bool:
    """Whether a field can hold a value, and it says something."""
    if field == "cloud_id":
        return isinstance(value, str) and _CLOUD_ID.fullmatch(value) is not None
    check = CI_VALUES.get(field)
    if check is None:
        return True
    try:
        checked = check(value)
    except RefusedValueError:
        return False
    return checked is not None and (field != "fqdn" or _is_host_name(checked))


def _is_host_name(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return "." in name
    return False


def _count(counted: Counter[str]) -> str:
    count = counted.total()
    return "1 resource" if count == 1 else f"{count:,} resources"
