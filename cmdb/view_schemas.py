"""A view of what a CI stands on, or of what stands on it, as it crosses the border."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cmdb.impact_schemas import CIName
from cmdb.live_schemas import ServiceStateName
from cmdb.view_folds import FoldKind
from cmdb.view_walk import Direction
from opsatlas.field_docs import field_docs

EdgeKindName = Literal["required", "optional", "redundancy"]
PlaceId = int | str
"""The id of a CI, or `fold-1` and so on."""


class _Output(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class ViewNode(_Output):
    """A CI that is shown one by one."""

    id: int
    name: str
    ci_class: str
    criticality: int | None
    state: ServiceStateName | None
    """Its state right now, from what is reported; null in a view of the past."""
    distance: int
    """Relationships from the CI that the view is of."""
    below: PlaceId | None
    """Under what a tree shows it: a CI that is one step nearer; null for the first."""
    beyond: int
    """Relationships that lead on to CIs that the view does not have: `depth` or `max_nodes` ended
    it here."""


class ViewFold(_Output):
    """CIs of one class that are shown as one."""

    id: str
    ci_class: str
    count: int
    kind: FoldKind
    """`children`: all directly beneath one CI; `beneath`: behind the members of such a fold;
    `further`: on the levels for which there is no room."""
    below: PlaceId
    """Under what a tree shows it."""
    distance: int
    """Relationships to the nearest of them."""
    states: dict[str, int] | None
    """How many are in each state right now, without those that are operational."""
    criticalities: dict[str, int]
    """How many have each criticality."""


class ViewEdge(_Output):
    """A relationship between two CIs, or as many as `count` between folds."""

    dependent: PlaceId
    provider: PlaceId
    relationship_id: int | None
    """Null where an end is a fold, as is the type."""
    type: str | None
    kind: EdgeKindName
    group: str | None
    """The redundancy group of the dependent in which the provider is a member."""
    members: int | None
    """How many that group has."""
    min_up: int | None
    """How many of them must be up."""
    count: int


class ViewCounts(_Output):
    """Of everything that was reached, the CI itself among it, folded or not."""

    configuration_items: int
    relationships: int
    by_class: dict[str, int]
    """The most frequent first."""
    by_state: dict[str, int] | None
    """Without those that are operational."""


class View(_Output):
    ci: CIName
    """What the view is of."""
    direction: Direction
    """`providers`: what it stands on; `dependents`: what stands on it."""
    nodes: list[ViewNode]
    """The nearest first, then by name."""
    folded: list[ViewFold]
    edges: list[ViewEdge]
    counts: ViewCounts
    truncated: bool
    """Whether there is more within the depth than `max_nodes`, or than 10,000 levels; the nearest
    are here."""
    as_of: datetime | None
    graph_version: int
    took_ms: float
