"""What goes into an importer and what comes out: files in, records and their places out."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

CI_FIELDS = (
    "key",
    "name",
    "ci_class",
    "status",
    "environment",
    "criticality",
    "owner",
    "support_group",
    "ip_address",
    "fqdn",
    "serial_number",
)
"""Fields of a configuration item in the native format; anything else is an attribute."""

RELATIONSHIP_FIELDS = (
    "dependent",
    "provider",
    "type",
    "dependency",
    "redundancy_group",
    "min_up",
)


class Kind(StrEnum):
    """What a record describes."""

    CI = "configuration_item"
    RELATIONSHIP = "relationship"


class Where(NamedTuple):
    """A place in the input: physical line from 1 (CSV, YAML), JSON pointer (JSON, YAML)."""

    file: str
    row: int | None = None
    pointer: str | None = None

    def __str__(self) -> str:
        if self.row is not None:
            return f"{self.file} line {self.row}"
        return f"{self.file} {self.pointer}" if self.pointer else self.file


@dataclass(frozen=True)
class InputFile:
    """One file of a load: the name that problems show, and its bytes."""

    name: str
    content: bytes


@dataclass(slots=True)
class ParsedRecord:
    """One record as the file has it: nothing is checked or converted yet."""

    kind: Kind
    where: Where
    fields: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KindSeen:
    """The file says that it lists all records of this kind, also where it lists none."""

    kind: Kind
    whole: bool = True
    """False where the input itself says that there are more than it holds: nothing is retired."""


@dataclass(frozen=True, slots=True)
class BadValue:
    """Stands where the file has something that cannot become a value; `why` is a noun phrase."""

    written: str
    why: str

    def __str__(self) -> str:
        return self.written
