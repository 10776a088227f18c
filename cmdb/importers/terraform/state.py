"""The resources of Terraform's files: `terraform show -json` of a state or plan, and state files.

Shapes: developer.hashicorp.com/terraform/internals/json-format, and the state file of version 4.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.records import Kind, Where
from cmdb.importers.terraform.values import Marks, marks_of_paths
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

STATE_VERSION = 4
_FORMATS = ("0.", "1.")
_INDEX = re.compile(r'\[(?:-?[0-9]+|"(?:[^"\\]|\\.)*")\]')
_MODULE = re.compile(r'module\.([^.\[]+)(\[(?:-?[0-9]+|"(?:[^"\\]|\\.)*")\])?\.?')
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_PLAN = frozenset({"planned_values", "resource_changes", "prior_state"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One instance of a resource."""

    where: Where
    address: str
    type: str
    module: str
    """The address of its module; empty for the root."""
    is_data: bool = False
    is_tainted: bool = False
    is_planned: bool = False
    """Whether it is only in a plan, so that it is not there yet."""
    values: dict[str, Any] = field(default_factory=dict)
    secret: Marks = None
    dependencies: tuple[str, ...] = ()

    @property
    def block(self) -> str:
        """The address without indexes: the block of the configuration that it is from."""
        return block_of(self.address)


def block_of(address: str) -> str:
    """An address without its indexes."""
    return _INDEX.sub("", address)


def index_of(address: str) -> str:
    """The index of an instance, with its brackets; empty where it has none."""
    found = list(_INDEX.finditer(address))
    return found[-1][0] if found and found[-1].end() == len(address) else ""


def module_steps(module: str) -> list[tuple[str, str]]:
    """The modules of a module's address from the root: name and index."""
    return [(found[1], found[2] or "") for found in _MODULE.finditer(module)]


def what_is(document: Any) -> str | None:
    """What a document is in Terraform's words; None where it is nothing of Terraform's."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("format_version"), str):
        if document.keys() & _PLAN:
            return "plan"
        if "values" in document and "terraform_version" in document:
            return "state"
        if document.keys() <= {"format_version", "terraform_version", "checks"}:
            return "empty state"
    elif "encrypted_data" in document and "lineage" in document:
        return "encrypted state file"
    elif (
        isinstance(document.get("version"), int)
        and document.keys() & {"terraform_version", "lineage"}
        and document.keys() & {"resources", "modules"}
    ):
        return "state file"
    return None


def resources(document: Any, file: str, *, planned: bool) -> Iterator[Resource | Problem]:
    """The resources of a document; with `planned` also those that a plan would create."""
    refused = _refusal(document, Where(file, None, ""))
    if refused is not None:
        yield refused
        return
    kind = what_is(document)
    if kind == "state file":
        yield from _of_state_file(document, file)
    elif kind == "plan":
        yield from _of_plan(document, file, planned=planned)
    else:
        yield from _of_values(document.get("values"), Where(file, None, "/values"))


def _refusal(document: Any, where: Where) -> Problem | None:
    kind = what_is(document)
    code, message, hint = "", "", "export it with `terraform show -json`"
    if kind is None:
        code, message = "unexpected_shape", "this is neither a state nor a plan of Terraform's"
    elif kind == "encrypted state file":
        code, message = "encrypted_state", "the state file is encrypted"
        hint = "`tofu show -json`, run where the key is, writes it out"
    elif kind == "state file":
        version = document["version"]
        if version > STATE_VERSION:
            code, message = "unknown_state_version", f"state files of version {version} are unknown"
        elif version < STATE_VERSION:
            code, message = (
                "old_state_version",
                f"the state file has version {version}, not {STATE_VERSION}",
            )
            hint = (
                "Terraform 0.12 or newer writes version 4: `terraform apply -refresh-only` upgrades"
                " the state, then `terraform show -json` exports it"
            )
    elif not document["format_version"].startswith(_FORMATS):
        code = "unknown_format_version"
        message = f"the format version {document['format_version']} is unknown"
        hint = "versions 0 and 1 are read"
    return problem(code, message, where=where, hint=hint) if code else None


def _of_plan(plan: dict[str, Any], file: str, *, planned: bool) -> Iterator[Resource | Problem]:
    """What the prior state holds is there; what only `planned_values` have is planned."""
    prior = members(plan.get("prior_state")).get("values")
    known: set[str] = set()
    for found in _of_values(prior, Where(file, None, "/prior_state/values")):
        if isinstance(found, Resource):
            known.add(found.address)
        yield found
    where = Where(file, None, "/planned_values")
    new = [
        found
        for found in _of_values(plan.get("planned_values"), where, is_planned=True)
        if not isinstance(found, Resource) or found.address not in known
    ]
    if planned:
        yield from new
    elif new and not known:
        yield problem(
            "plan_without_state",
            "this plan has no prior state: nothing of what it describes is there yet",
            where=Where(file, None, ""),
            hint="export the state after `terraform apply`, or set the option planned_resources",
        )
    elif new:
        yield problem(
            "planned_left_out",
            f"{len(new):,} resources are only planned and were left out",
            where=where,
            severity=Severity.WARNING,
            hint="with the option planned_resources they become CIs with the status planned",
        )


def _of_values(
    values: Any, where: Where, *, is_planned: bool = False
) -> Iterator[Resource | Problem]:
    modules = [(members(values).get("root_module"), f"{where.pointer}/root_module")]
    while modules:
        module, pointer = modules.pop()
        name = text_of(members(module).get("address")) or ""
        for position, said in enumerate(items(members(module).get("resources"))):
            at = where._replace(pointer=f"{pointer}/resources/{position}")
            if text_of(members(said).get("deposed_key")) is not None:
                yield _deposed(at)
            else:
                yield _resource(said, name, at, is_planned=is_planned)
        children = items(members(module).get("child_modules"))
        for position, child in reversed(list(enumerate(children))):
            modules.append((child, f"{pointer}/child_modules/{position}"))


def _resource(said: Any, module: str, where: Where, *, is_planned: bool) -> Resource | Problem:
    said = members(said)
    type_name = text_of(said.get("type"))
    address = text_of(said.get("address")) or _address(said, module, said.get("index"))
    if type_name is None or address is None:
        return _nameless(where)
    return Resource(
        where,
        address,
        type_name,
        module,
        said.get("mode") == "data",
        said.get("tainted") is True,
        is_planned,
        members(said.get("values")),
        said.get("sensitive_values"),
        _texts(said.get("depends_on")),
    )


def _of_state_file(state: dict[str, Any], file: str) -> Iterator[Resource | Problem]:
    for position, said in enumerate(items(state.get("resources"))):
        pointer = f"/resources/{position}"
        for at, instance in enumerate(items(members(said).get("instances"))):
            where = Where(file, None, f"{pointer}/instances/{at}")
            if text_of(members(instance).get("deposed")) is not None:
                yield _deposed(where)
            else:
                yield _instance(members(said), members(instance), where)


def _instance(said: dict[str, Any], instance: dict[str, Any], where: Where) -> Resource | Problem:
    module = text_of(said.get("module")) or ""
    type_name = text_of(said.get("type"))
    address = _address(said, module, instance.get("index_key"))
    if type_name is None or address is None:
        return _nameless(where)
    values = instance.get("attributes") or instance.get("attributes_flat")
    dependencies = instance.get("dependencies") or instance.get("depends_on")
    return Resource(
        where,
        address,
        type_name,
        module,
        said.get("mode") == "data",
        instance.get("status") == "tainted",
        values=members(values),
        secret=marks_of_paths(instance.get("sensitive_attributes")),
        dependencies=_texts(dependencies),
    )


def _address(said: dict[str, Any], module: str, index: Any) -> str | None:
    """The address as `terraform show -json` writes it."""
    type_name, name = text_of(said.get("type")), text_of(said.get("name"))
    if type_name is None or name is None:
        return None
    data = "data." if said.get("mode") == "data" else ""
    address = f"{module}." * bool(module) + f"{data}{type_name}.{name}"
    if isinstance(index, str):
        return f'{address}["{_escaped(index)}"]'
    return address if index is None else f"{address}[{index}]"


def _escaped(index: str) -> str:
    quoted = "".join(_ESCAPES.get(sign, sign) for sign in index)
    return quoted.replace("${", "$${").replace("%{", "%%{")


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text for each in items(value) if (text := text_of(each)) is not None)


def _deposed(where: Where) -> Problem:
    return problem(
        "deposed_left_out",
        "an object that was replaced and waits for its destruction was left out",
        where=where,
        severity=Severity.WARNING,
        hint="the next `terraform apply` destroys it",
    )


def _nameless(where: Where) -> Problem:
    return problem(
        "missing_value",
        "a resource must have `type` and `name`",
        where=where,
        kind=Kind.CI,
        column="type",
    )
