"""What an answer about weak points holds, as it crosses the border (JSON, see the API)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cmdb.impact_schemas import CIName, PathStep
from opsatlas.field_docs import field_docs


class WeakPointKind(StrEnum):
    """What can be weak."""

    SINGLE_POINT = "single_point"
    HIDDEN_DEPENDENCY = "hidden_dependency"
    NO_SPARE = "no_spare"
    CIRCLE = "circle"
    NO_INFRASTRUCTURE = "no_infrastructure"


class _Part(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class BrokenGroup(_Part):
    """A group that counts on several members, of which one failure takes too many."""

    group: str
    dependent: CIName
    members: int
    up: int
    """Members that are left."""
    min_up: int
    down: list[CIName]
    """Members that go down together; at most 10 are named."""


class TakenDown(CIName):
    """A service that goes down, and how the failure reaches it."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    criticality: int | None
    hidden: bool
    """Whether it depends on the CI only through redundancy groups, which look safe."""
    behind: list[BrokenGroup]
    """The groups with members to spare on the path; none where it is not hidden."""
    path: list[PathStep]


class SinglePoint(CIName):
    """A CI that takes services down when it fails alone."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    score: int
    """The weights of the services (4 for criticality 1, down to 1) times 1 + incidents."""
    incidents: int
    """Incidents so far that name the CI."""
    taken_down: int
    """Services that go down with it, itself left out."""
    hidden: int
    """Of them, those that depend on it only through redundancy groups."""
    services: list[TakenDown]
    """The most critical of them, then the nearest; at most 10."""


class ServicePoints(CIName):
    """How many CIs take a service down alone."""

    criticality: int | None
    single_points: int


class SharedCI(CIName):
    """A CI that the members of a group stand on, and who of them goes down with it."""

    incidents: int
    members_down: list[CIName]


class HiddenDependency(_Part):
    """A group that looks redundant but shares what its members stand on."""

    group: str
    dependent: CIName
    members: int
    min_up: int
    weight: int
    """The weights of the services that go down with the dependent, its own among them."""
    shared: int
    """CIs of which each, failing alone, leaves too few members."""
    common: list[SharedCI]
    """Of them those that are nearest to the members; at most 3."""


class MissingMember(CIName):
    """A member that is not up."""

    why: str
    """Its status, or `reported_down`."""


class NoSpare(_Part):
    """A group that cannot lose a member more."""

    group: str
    dependent: CIName
    members: int
    up: int
    min_up: int
    state: Literal["broken", "no_spare"]
    """`broken`: fewer are up than must be."""
    weight: int
    missing: list[MissingMember]
    """At most 10 are named. None: the group never had a member to spare."""


class Circle(_Part):
    """CIs that all depend on each other."""

    size: int
    cis: list[CIName]
    """At most 20 of them, by id."""
    length: int
    """Steps of the way round that is shown, a shortest one."""
    way: list[CIName]
    """Each depends on the next, the last on the first; at most 50."""


class UnfoundedService(CIName):
    """A service of which no infrastructure is known."""

    criticality: int | None
    owner: str | None
    support_group: str | None


class WeakPointCounts(_Part):
    """How many there are of each kind; null for a kind that was not asked for."""

    single_points: int | None = None
    hidden_dependencies: int | None = None
    no_spare: int | None = None
    circles: int | None = None
    no_infrastructure: int | None = None


class WeakPointsAnswer(_Part):
    """Lists hold a page each (`limit`, `offset`), the weakest first; counts are whole."""

    single_points: list[SinglePoint] = []
    services: list[ServicePoints] = []
    """The services that most CIs take down, weighed by criticality."""
    hidden_dependencies: list[HiddenDependency] = []
    no_spare: list[NoSpare] = []
    circles: list[Circle] = []
    no_infrastructure: list[UnfoundedService] = []
    counts: WeakPointCounts
    examined: int
    """CIs that were failed alone: all that services stand on, unless truncated."""
    truncated: bool
    """Whether the time budget ended before all were: then `examined` is fewer than there are."""
    graph_version: int
    took_ms: float
