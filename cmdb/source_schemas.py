"""Pydantic types of sources: what they are, whom to believe, what is undone, what is decided."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cmdb.schemas import Input
from opsatlas.field_docs import field_docs


class SourceIn(Input):
    """A new source."""

    name: str
    description: str = ""
    stale_after_days: int | None = Field(None, ge=1, le=36_500)
    """Days unseen after which what it says gives way to a less trusted source."""


class SourcePatch(Input):
    """What to change of a source; its name stays, for the keys that it gave."""

    description: str | None = None
    stale_after_days: int | None = Field(None, ge=1, le=36_500)


class SourceOut(BaseModel):
    """A system of record that feeds us."""

    name: str
    description: str
    stale_after_days: int | None
    created_at: datetime


class PrecedenceOut(BaseModel):
    """For one attribute, or `*` for all others: sources, the most trusted first."""

    attribute: str
    sources: list[str]


class OtherClaim(BaseModel):
    """What another source says of a field, and is not believed."""

    source: str
    key: str
    value: Any
    stale: bool


class Provenance(BaseModel):
    """Where the value of one field comes from."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    field: str
    """A field, or `attributes.NAME`."""
    value: Any
    source: str
    key: str
    import_run: int | None
    """The load that brought the value; null for what people wrote."""
    at: datetime | None
    """When the value came."""
    actor: str | None
    last_seen: datetime
    """When the source last reported the CI."""
    stale: bool
    """Whether the source has not seen it for longer than it may, or no longer has it."""
    others: list[OtherClaim]


class UndoConflict(BaseModel):
    """What stays as it is, because something later built on it."""

    what: str
    why: str


class UndoReport(BaseModel):
    """What undoing an import run does, or would do."""

    import_run: int
    configuration_items_removed: int
    configuration_items_changed: int
    relationships_changed: int
    values_restored: int
    conflicts: list[UndoConflict]
    """What cannot be undone any more."""


class ReviewCandidate(BaseModel):
    """A CI that a record may be, and why."""

    ci: int
    name: str
    ci_class: str
    reasons: list[str]


class ReviewOut(BaseModel):
    """A record that fits several CIs, and what was decided."""

    id: int
    source: str
    key: str
    import_run: int | None
    name: str
    ci_class: str
    said: dict[str, Any]
    """What the source says, by field or `attributes.NAME`."""
    candidates: list[ReviewCandidate]
    state: str
    """`open`, `merged` or `kept_apart`."""
    ci: int | None
    """The CI that it was found to be."""
    decided_by: str | None
    created_at: datetime
    decided_at: datetime | None
