"""States and plans of Terraform as tests write them, and what the importer makes of them."""

import json
import re
from pathlib import Path
from typing import Any

from cmdb.importers import terraform
from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import ReadContext
from cmdb.importers.records import Kind, KindSeen, ParsedRecord
from cmdb.importers.registry import default_mapping
from cmdb.schemas import Problem

SEED = Path(__file__).parents[3] / "seed_data/sources/terraform"
ARN = "arn:aws:ec2:par3:000000000000:instance/"


class State:
    """What the importer makes of files."""

    def __init__(
        self, *documents: Any, names: tuple[str, ...] = ("a.json", "b.json"), **mapping: Any
    ) -> None:
        files = [
            OpenedFile(name, each if isinstance(each, bytes) else json.dumps(each).encode())
            for name, each in zip(names, documents, strict=False)
        ]
        context = ReadContext(Mapping.model_validate(mapping).over(default_mapping("terraform")))
        items = list(terraform.read(files, context))
        self.records = [each for each in items if isinstance(each, ParsedRecord)]
        self.problems = [each for each in items if isinstance(each, Problem)]
        self.seen = {each.kind for each in items if isinstance(each, KindSeen)}
        self.cis = {r.fields["key"]: r for r in self.records if r.kind is Kind.CI}
        self.relationships = [r.fields for r in self.records if r.kind is Kind.RELATIONSHIP]
        self.edges = sorted((r["dependent"], r["provider"]) for r in self.relationships)

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.problems]


def resource(address: str, /, *depends_on: str, **values: Any) -> dict[str, Any]:
    """A resource as `terraform show -json` writes it; `secret` are its sensitive values."""
    secret = values.pop("secret", {})
    local = re.sub(r"module\.\w+(\[[^]]+\])?\.|\[[^]]+\]", "", address)
    type_name, name = local.split(".")[-2:]
    return {
        "address": address,
        "mode": "data" if "data." in address else "managed",
        "type": type_name,
        "name": name,
        "values": values,
        "sensitive_values": secret,
        "depends_on": list(depends_on),
    }


def shown(*resources: dict[str, Any], children: Any = ()) -> dict[str, Any]:
    """`terraform show -json` of a state."""
    module = {"resources": list(resources), "child_modules": list(children)}
    return {
        "format_version": "1.0",
        "terraform_version": "1.9.5",
        "values": {"root_module": module},
    }


def state_file(*blocks: dict[str, Any], version: int = 4) -> dict[str, Any]:
    return {
        "version": version,
        "terraform_version": "1.9.5",
        "serial": 3,
        "lineage": "l",
        "resources": list(blocks),
    }


def block(type_name: str, name: str, *instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": type_name,
        "name": name,
        "instances": list(instances),
    } | more
