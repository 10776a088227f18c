"""Pydantic types that cross the border of the CMDB: records in and out, import reports."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cmdb.impact_schemas import CIName
from cmdb.importers.records import Kind
from cmdb.load_progress import Phase
from cmdb.models import Dependency, FailureDirection
from cmdb.plan_schemas import LoadPlan
from cmdb.references import CIReference
from opsatlas.field_docs import field_docs


class Input(BaseModel):
    """What a caller writes: a field that is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Problem(BaseModel):
    """One thing that is wrong in the input, where, and what to do about it."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    severity: Severity
    file: str | None = None
    row: int | None = None
    """Physical line at which the record starts (CSV and YAML), from 1."""
    column: str | None = None
    pointer: str | None = None
    """JSON pointer of the record or value (JSON and YAML)."""
    value: str | None = None
    """The value as it was given, shortened."""
    code: str
    message: str
    hint: str | None = None
    kind: Kind | None = None
    """What kind of record was rejected, where it was one."""


class Counts(BaseModel):
    """What became of the records of one kind."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    rejected: int = 0
    in_review: int = 0
    """Records that fit several CIs and wait for a person."""


class Recognised(BaseModel):
    """The format in which a file was read, and why."""

    file: str
    format: str
    why: str


class LoadProgress(BaseModel):
    """How far a load is."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    phase: Phase
    done: int
    """Rows that are read, compared or written."""
    total: int | None
    """How many there are; null while that is not known."""


class ImportReport(BaseModel):
    """The outcome of a load, or of its dry run."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    id: int | None = None
    """The import run; null for a dry run, which leaves none."""
    state: str
    """`done`, or `failed` where problems kept everything from being written."""
    source: str
    """Empty while a load waits that names none."""
    format: str
    recognised: list[Recognised] = Field(default_factory=list)
    """The files with their formats; those of archives one by one."""
    mapping: str | None = None
    """The file of the admin's mapping that was used."""
    dry_run: bool
    configuration_items: Counts
    relationships: Counts
    problems: list[Problem]
    """Errors first; at most as many as the setting `import_max_problems` says."""
    problem_counts: dict[Severity, int] = Field(default_factory=dict)
    """All problems, those that are not listed too."""
    plan: LoadPlan | None = None
    """What exactly would change; a dry run's alone."""
    progress: LoadProgress | None = None
    """How far a load is that is still running; null at its end, and where it is not known."""
    took_ms: float


class CIClassIn(Input):
    """A new CI class: a child of an existing one."""

    name: str
    parent: str
    is_service: bool | None = None
    """Whether its CIs are services; left out, as its parent."""
    label: str | None = None


class CIClassPatch(Input):
    """What to change of a CI class."""

    parent: str | None = None
    is_service: bool | None = None
    label: str | None = None


class CIClassOut(BaseModel):
    """A CI class."""

    name: str
    parent: str | None
    is_service: bool
    label: str
    built_in: bool
    version: int


class RelationshipTypeIn(Input):
    """A new relationship type."""

    name: str
    failure_direction: FailureDirection
    label: str | None = None


class RelationshipTypePatch(Input):
    """What to change of a relationship type."""

    failure_direction: FailureDirection | None = None
    label: str | None = None


class RelationshipTypeOut(BaseModel):
    """A relationship type, and where failure travels along it."""

    name: str
    failure_direction: FailureDirection
    label: str
    built_in: bool
    version: int


class SourceKey(BaseModel):
    """The key under which a source knows a CI."""

    source: str
    key: str


class CIIn(Input):
    """A new configuration item."""

    name: str
    ci_class: str
    key: str | None = None
    """What the source `manual` knows it by; left out, its name."""
    status: str | None = None
    """planned, in_stock, active (the default), maintenance or retired."""
    environment: str | None = None
    criticality: int | str | None = None
    """1 (highest) to 4."""
    owner: str | None = None
    support_group: str | None = None
    ip_address: str | None = None
    fqdn: str | None = None
    serial_number: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


class CIPatch(Input):
    """What to change of a configuration item; null clears a field."""

    name: str | None = None
    ci_class: str | None = None
    status: str | None = None
    environment: str | None = None
    criticality: int | str | None = None
    owner: str | None = None
    support_group: str | None = None
    ip_address: str | None = None
    fqdn: str | None = None
    serial_number: str | None = None
    attributes: dict[str, Any] | None = None
    """Attributes to set; one that is null is taken away, others stay."""


class CIOut(BaseModel):
    """A configuration item."""

    id: int
    name: str
    ci_class: str
    status: str
    environment: str | None
    criticality: int | None
    owner: str | None
    support_group: str | None
    ip_address: str | None
    fqdn: str | None
    serial_number: str | None
    attributes: dict[str, Any]
    keys: list[SourceKey]
    merged_into: int | None = None
    """The CI that this one was found to be; what is about it is about that one."""
    version: int
    created_at: datetime
    updated_at: datetime


class RelationshipIn(Input):
    """A new relationship: the dependent needs the provider."""

    dependent: CIReference
    provider: CIReference
    type: str = "depends_on"
    dependency: str | None = None
    """required (the default) or optional."""
    redundancy_group: str | None = None
    """Relationships of one dependent that share this name form one redundancy group."""
    min_up: int | str | None = None
    """How many of the group must be up: a count, or a percentage such as `50%`."""


class RelationshipPatch(Input):
    """What to change of a relationship; its ends stay."""

    type: str | None = None
    dependency: str | None = None
    """Wins over what sources say; null gives it back to them."""
    redundancy_group: str | None = None
    """Another group; null takes it out of its group."""
    min_up: int | str | None = None
    """Of the whole group; wins over what sources say, and null gives it back to them."""


class RelationshipWord(BaseModel):
    """What one source says of a relationship; null says nothing."""

    source: str
    dependency: Dependency | None
    min_up: str | None
    """Of the redundancy group."""


class RelationshipOut(BaseModel):
    """A relationship: the dependent needs the provider."""

    id: int
    dependent: CIName
    provider: CIName
    type: str
    dependency: Dependency
    redundancy_group: str | None
    min_up: int | str | None
    sources: list[str]
    """Who reports it."""
    said: list[RelationshipWord] | None = None
    """What they say of it: the most trusted word counts. Null in lists, and of the past."""
    version: int
    created_at: datetime
    updated_at: datetime


class Neighbour(CIName):
    """A CI near another one."""

    status: str
    hops: int


class Neighbours(BaseModel):
    """What is near a CI, in either direction."""

    configuration_items: list[Neighbour]
    """The CI itself first, then by distance and name."""
    relationships: list[RelationshipOut]
    """Those among the CIs listed."""
    truncated: bool


class HistoryEntry(BaseModel):
    """One change of a record."""

    at: datetime
    actor: str
    request_id: str | None
    entity: str
    """`ci` or `relationship`."""
    entity_id: int
    action: str
    source: str | None
    """The source whose load made the change; null for what people did."""
    import_run: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
