"""What the assessment of changes is asked and answers, as it crosses the border."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cmdb.impact_schemas import CIName, PathStep, StateName
from kb.field_types import CIReferences, Line, Moment, Numbers
from opsatlas.field_docs import field_docs


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class DraftChange(_Schema):
    """A change that is only thought of; it is called `draft-1` by its place in the list."""

    title: Line | None = None
    cis: CIReferences = Field(min_length=1)
    """The CIs that it would keep down."""
    planned_start: Moment
    planned_end: Moment | None = None
    """Null is open: until further notice."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.planned_end is not None and self.planned_end < self.planned_start:
            raise PydanticCustomError("times_out_of_order", "planned_end is before planned_start")
        return self


class AssessmentQuestion(_Schema):
    """Which changes, over which window."""

    changes: Numbers = Field(default_factory=list)
    """Numbers of recorded changes."""
    drafts: Annotated[list[DraftChange], Field(default_factory=list, max_length=100)]
    """Changes that are not recorded."""
    start: Moment | None = Field(None, alias="from")
    """Where the window begins; left out, where the first of these changes does."""
    end: Moment | None = Field(None, alias="to")
    """Where it ends; left out, where the last of them does."""
    overlapping: bool = True
    """Whether recorded changes that are planned or under way in the window take part too."""

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if not self.changes and not self.drafts and self.start is None:
            raise PydanticCustomError(
                "no_change", "name changes, write drafts, or say a window with `from` and `to`"
            )
        if self.start is not None and self.end is not None and self.end < self.start:
            raise PydanticCustomError("times_out_of_order", "`to` is before `from`")
        return self


class Span(BaseModel):
    """A stretch of time; a null end is open, one that equals the start is a moment."""

    start: datetime
    end: datetime | None


class AssessedChange(Span):
    """A change that takes part, and what it does alone."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    number: str
    title: str | None
    status: str
    """As recorded, or `draft`."""
    asked: bool
    """Named in the question; else it overlaps."""
    cis: list[CIName]
    """The CIs that it keeps down."""
    left_out_cis: list[str]
    """What it names that is no CI of the graph: unknown, ambiguous or retired."""
    services: dict[StateName, int]
    """How many services it affects alone."""


class AffectedThen(CIName):
    state: StateName


class AssessedInterval(Span):
    """A stretch of time in which the same changes are under way, and what is affected then."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    changes: list[str]
    down: list[CIName]
    """The CIs that the changes keep down together."""
    services: list[AffectedThen]
    """Worst state first."""
    configuration_items: dict[StateName, int]
    """How many other CIs are affected."""


class Period(Span):
    """A stretch of time in which a service is in one state."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    state: StateName
    changes: list[str]
    """Changes that suffice for it."""


class AssessedService(CIName):
    """A service that loses redundancy (`at_risk`), is degraded or down, and when."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    state: StateName
    """The worst."""
    criticality: int | None
    owner: str | None
    support_group: str | None
    periods: list[Period]
    path: list[PathStep]
    """Why it is in the worst state, when it first is."""


class BrokenGroup(CIName):
    """A CI whose redundancy group is hit by several changes together."""

    state: StateName
    group: str | None
    members: int
    up: int
    min_up: int


class HitService(CIName):
    """A service that is worse off with all of these changes than with any fewer."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    state: StateName
    alone: dict[str, str]
    """Its state with each of the changes alone, by number."""
    path: list[PathStep]


class AssessedConflict(Span):
    """A least set of changes that break together what none of that time breaks alone."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    changes: list[str]
    state: StateName
    """The worst."""
    services: list[HitService]
    groups: list[BrokenGroup]
    """The redundancy groups that they hit together."""


class LeftOut(BaseModel):
    """A recorded change that may belong to the window but cannot be placed in it."""

    number: str
    reason: str


Notice = Literal[
    "past_window", "open_window", "overrunning", "left_out_cis", "left_out_changes", "truncated"
]


class Assessment(BaseModel):
    """What planned changes do together, when."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    window: Span
    changes: list[AssessedChange]
    intervals: list[AssessedInterval]
    services: list[AssessedService]
    """Worst state first, then criticality and name."""
    conflicts: list[AssessedConflict]
    """Worst state first, then the earliest."""
    left_out: list[LeftOut]
    notices: list[Notice]
    """`past_window`: it is over, the graph is that of now; `open_window`: a change has no end;
    `overrunning`: one is past its planned end and taken to go on; `truncated`: the search for
    conflicts stopped at its limit, there may be more."""
    graph_version: int
    took_ms: float
