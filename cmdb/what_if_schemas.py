"""A supposition about the inventory and what it would change, as they cross the border."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cmdb.explanation_schemas import AnyState
from cmdb.impact_schemas import CIName, Counts, PathStep, PriorityAnswer
from cmdb.references import CIReference
from cmdb.schemas import Input, RelationshipIn
from opsatlas.field_docs import field_docs


class RelationshipReference(Input):
    """A relationship: by its id, or all between a dependent and a provider, of one type perhaps."""

    id: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    dependent: CIReference | None = None
    provider: CIReference | None = None
    type: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> RelationshipReference:
        ends = self.dependent is not None and self.provider is not None
        others = self.model_fields_set - {"id"}
        if (self.id is None and not ends) or (self.id is not None and others):
            raise PydanticCustomError(
                "relationship_reference",
                'a relationship is {"id": …} or {"dependent": …, "provider": …}, with a "type"'
                " where one of several is meant",
            )
        return self


class WhatIf(Input):
    """What to suppose: the failed CIs and the relationships are as they are but for this."""

    fail: Annotated[list[CIReference], Field(default_factory=list)]
    """CIs that would fail as well."""
    restore: Annotated[list[CIReference], Field(default_factory=list)]
    """Failed CIs that would work again."""
    remove_relationships: Annotated[
        list[RelationshipReference], Field(default_factory=list, max_length=1000)
    ]
    """Relationships that would not be there."""
    add_relationships: Annotated[list[RelationshipIn], Field(default_factory=list, max_length=1000)]
    """Relationships that would be there too."""


class Situation(BaseModel):
    """How much is affected, and the priority that follows."""

    failed: list[CIName]
    counts: Counts
    priority: PriorityAnswer


class ChangedService(CIName):
    """A service whose state would differ."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    before: AnyState
    after: AnyState
    criticality: int | None
    owner: str | None
    support_group: str | None
    distance: int | None
    path: list[PathStep]
    """Why it would be in the state after; empty where it would be operational."""


class ChangedCounts(BaseModel):
    """How many would differ; the failed and restored ones and the services are CIs too."""

    services: int
    configuration_items: int


class Difference(BaseModel):
    """What the supposition changes."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    services: list[ChangedService]
    """Those that get worse first, in each part the worst state after first."""
    worse: ChangedCounts
    better: ChangedCounts


class WhatIfAnswer(BaseModel):
    """Before, after, and what lies between."""

    before: Situation
    after: Situation
    difference: Difference
