"""Live state as it crosses the border: reports, services, maintenance windows, events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cmdb.impact_schemas import CIName, PathStep
from cmdb.references import CIReference
from opsatlas.field_docs import field_docs

ReportedState = Literal["up", "degraded", "down"]
ServiceStateName = Literal["operational", "at_risk", "degraded", "down"]
_YEARS = range(1970, 2200)


def _aware(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise PydanticCustomError("not_a_time", "a time must be in the years 1970 to 2199")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("unstorable", "the text has a character that no text may have")
    return text.strip()


Moment = Annotated[datetime, AfterValidator(_aware)]
_Text = Annotated[str, AfterValidator(_storable)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class _Output(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class StateReport(_Input):
    """What a monitoring system or a person says of one CI."""

    ci: CIReference
    state: ReportedState
    source: Annotated[_Text, Field(min_length=1, max_length=100)] = "manual"
    """Who says so, such as the name of the monitoring system; each source has a word of its own."""
    reported_at: Moment | None = None
    """When it was so; left out: now. Of one source the newest report counts."""
    expires_at: Moment | None = None
    """From when on the report no longer counts; left out: until the source reports otherwise."""
    expires_in: Annotated[int | None, Field(ge=1, le=31_536_000)] = None
    """The same in seconds after `reported_at`, instead of `expires_at`."""
    message: Annotated[_Text, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _one_expiry(self) -> Self:
        if self.expires_at is not None and self.expires_in is not None:
            raise PydanticCustomError("two_expiries", "say expires_at or expires_in, not both")
        return self


class StateOut(_Output):
    """The last that a source reported of a CI."""

    id: int
    ci: CIName
    source: str
    state: ReportedState
    since: datetime
    """When the source first reported the state that it still reports."""
    reported_at: datetime
    expires_at: datetime | None
    expired: bool
    """Whether it no longer counts."""
    message: str
    actor: str


class StateReceipt(StateOut):
    """What is kept after a report."""

    outcome: Literal["recorded", "unchanged", "outdated"]
    """`outdated`: the source had reported something newer, which stays."""


class LiveService(_Output):
    """A service in its current state; `path` explains it, from a reported CI to the service."""

    id: int
    name: str
    ci_class: str
    state: ServiceStateName
    since: datetime | None
    """Since when, as far as it was seen; null while it is operational."""
    muted: bool
    """Whether only failures under maintenance explain it: no event tells of it."""
    criticality: int | None
    owner: str | None
    support_group: str | None
    path: list[PathStep]


class MaintenanceWindowIn(_Input):
    """A time in which failures of these CIs are expected: they change no announced state."""

    cis: Annotated[list[CIReference], Field(min_length=1, max_length=1000)]
    starts_at: Moment
    ends_at: Moment
    reason: Annotated[_Text, Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("times_out_of_order", "ends_at must be after starts_at")
        return self


class MaintenanceWindowOut(_Output):
    """A maintenance window."""

    id: int
    cis: list[CIName]
    starts_at: datetime
    ends_at: datetime
    active: bool
    reason: str
    created_by: str
    created_at: datetime


class StateCause(_Output):
    """The reported CI that an event goes back to."""

    ci: CIName
    state: ServiceStateName
    source: str
    message: str
    path: list[str]
    """Names, from that CI to the service."""


class StateEvent(_Output):
    """What `/events` tells: a service's state changed and held, or changes too often."""

    model_config = ConfigDict(json_schema_extra=field_docs, populate_by_name=True)

    id: int
    at: datetime
    event: Literal["service_state", "flapping"]
    service: CIName
    criticality: int | None
    from_state: Annotated[ServiceStateName, Field(alias="from")]
    """The state that was announced before."""
    to: ServiceStateName
    since: datetime
    """When the service was first seen in this state."""
    because: StateCause | None
    """Null for a service that is operational."""
    settled: bool
    """Whether it flapped until now."""
