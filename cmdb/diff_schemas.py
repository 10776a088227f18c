"""What differs between two moments, as it goes out."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cmdb.impact_schemas import CIName
from opsatlas.field_docs import field_docs


class _Out(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class FieldChange(_Out):
    """One value that differs; an attribute is `attributes.NAME`."""

    field: str
    before: Any
    after: Any


class MovedCI(CIName):
    """A CI that entered or left, and why."""

    because: Literal["created", "back_in_use", "linked", "deleted", "retired", "unlinked"]
    """New or gone altogether, in use or not, or only reached over relationships that came or
    went."""


class ChangedCI(CIName):
    """A CI with values that differ, under the name that it has at the end."""

    changes: list[FieldChange]


class DiffRelationship(_Out):
    """A relationship that came, went or changed."""

    id: int
    dependent: CIName
    provider: CIName
    type: str
    dependency: str
    redundancy_group: str | None
    min_up: int | str | None
    changes: list[FieldChange]
    """Empty where it came or went."""


class CIDifferences(_Out):
    entered: list[MovedCI]
    left: list[MovedCI]
    changed: list[ChangedCI]


class RelationshipDifferences(_Out):
    added: list[DiffRelationship]
    removed: list[DiffRelationship]
    changed: list[DiffRelationship]


class Diff(_Out):
    """What differs between two moments for one CI, or for everything that a service stands on."""

    from_: datetime
    to: datetime
    subject: CIName
    """The CI or service, under the name that it has at the end, or had."""
    scope: Literal["ci", "service"]
    configuration_items: CIDifferences
    relationships: RelationshipDifferences
    compared: int
    """CIs that were looked at, of both moments."""

    model_config = ConfigDict(
        json_schema_extra=field_docs,
        alias_generator=lambda name: name.rstrip("_"),
        populate_by_name=True,
    )
