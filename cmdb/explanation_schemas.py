"""Reasons in full, as they cross the border: beside the paths that every impact answer has."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from cmdb.impact_schemas import Because, CIName, PathStep, StateName
from opsatlas.field_docs import field_docs

AnyState = Literal["operational", "at_risk", "degraded", "down"]


class RestsOn(BaseModel):
    """A relationship that a state follows from."""

    relationship: int
    relationship_type: str | None
    provider: int


class ExplainedItem(CIName):
    """A CI, its state, the rule that gave it, and the least that the rule rests on."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    state: StateName
    because: Because
    rests_on: list[RestsOn]
    """Nothing for a failed CI; for a group that is down only so many members as break it."""


class WhyItem(CIName):
    """A CI that was asked about, with its shortest path; an empty one where it is operational."""

    state: AnyState
    distance: int | None
    path: list[PathStep]
