"""Pydantic types of a plan: what a load would change, before anything is written."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cmdb.importers.records import Kind
from opsatlas.field_docs import field_docs


class PlannedChange(BaseModel):
    """One change that a load would make."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    action: str
    """`create`, `update`, `merge` (a record joins a CI that is there), `retire`, `review`, and of
    relationships `remove`."""
    kind: Kind
    id: int | None = None
    """Of the CI or relationship, where it is there already."""
    name: str
    """Of a relationship: dependent, type, provider."""
    ci_class: str | None = None
    key: str | None = None
    """Under which the source knows it, where that is new."""
    reasons: list[str] = Field(default_factory=list)
    """Why the record is this CI, or may be."""
    fields: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    """Before and after of each field that differs."""


class TouchedService(BaseModel):
    """A service that stands on something that a load would change."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    id: int
    name: str
    ci_class: str
    criticality: int | None
    through: str
    """The CI below it whose relationships or retirement change."""


class LoadPlan(BaseModel):
    """What a load would do, in full; a dry run has it."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    fingerprint: str
    """Sent as `expected_plan`, a load is made only if it would still do exactly this."""
    changes: list[PlannedChange]
    """At most as many as the setting `import_max_changes` says."""
    changes_count: int
    """All of them."""
    services: list[TouchedService]
    """Services whose dependencies would change, the most critical first."""
