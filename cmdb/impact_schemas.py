"""What an impact analysis is asked and answers, as it crosses the border (JSON, see the API)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cmdb.references import CIReference

Level = Literal["high", "medium", "low"]
StateName = Literal["at_risk", "degraded", "down"]


class ImpactQuestion(BaseModel):
    """Which CIs failed, and how the answer is to be cut."""

    model_config = ConfigDict(extra="forbid")

    failed: Annotated[list[CIReference], Field(min_length=1)]
    """CIs that failed: names, ids, or a source with its key."""
    urgency: Level = "high"
    """How soon the effect hurts; with the impact it gives the priority."""
    as_of: datetime | None = None
    """A past moment to analyse: the inventory as it was then; null is now."""
    max_depth: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """List only what is at most so many relationships away."""
    limit: Annotated[int, Field(ge=0)] = 200
    """Affected CIs listed in `configuration_items`; counts and services are always whole."""


class CIName(BaseModel):
    id: int
    name: str
    ci_class: str


class Because(BaseModel):
    """The rule that put a CI into its state, and the facts that it rests on."""

    kind: Literal["failed", "required", "optional", "redundancy"]
    provider: int | None = None
    relationship_type: str | None = None
    group: str | None = None
    members: int | None = None
    up: int | None = None
    min_up: int | None = None


class PathStep(CIName):
    state: StateName
    because: Because


class AffectedService(CIName):
    """An affected service; `path` explains it, from a failed CI to the service."""

    state: StateName
    criticality: int | None
    owner: str | None
    support_group: str | None
    distance: int
    path: list[PathStep]


class AffectedItem(CIName):
    state: StateName
    distance: int


class Counts(BaseModel):
    """Affected CIs by state, without the failed ones; `services` as listed."""

    down: int
    degraded: int
    at_risk: int
    services: int


class PriorityAnswer(BaseModel):
    impact: Level
    urgency: Level
    priority: int
    label: str
    reason: str


class Contact(BaseModel):
    """Whom to call, and for which affected services."""

    support_group: str | None
    owner: str | None
    services: list[str]


class ImpactAnswer(BaseModel):
    failed: list[CIName]
    services: list[AffectedService]
    """Worst state first, then criticality, distance, name."""
    configuration_items: list[AffectedItem]
    """Affected CIs without the failed ones: worst state first, then the nearest; cut at `limit`."""
    counts: Counts
    priority: PriorityAnswer
    contacts: list[Contact]
    truncated: bool
    graph_version: int
    as_of: datetime | None = None
    """The past moment that the answer is about."""
    took_ms: float
