"""Pydantic types of the records: what comes in, what a patch may change, what goes out.

A record is called by its number everywhere; input also takes `id` for it, output says both.
"""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, computed_field, model_validator
from pydantic_core import PydanticCustomError

from kb.field_types import (
    ArticleKind,
    ChangeStatus,
    ChangeType,
    CIReferences,
    IncidentStatus,
    KnownErrorStatus,
    Label,
    Labels,
    Level,
    Line,
    Moment,
    Number,
    Numbers,
    Prose,
    ResolutionCode,
    blank_is_null,
    choice,
)
from kb.models import Outcome
from opsatlas.clock import now
from opsatlas.field_docs import field_docs
from opsatlas.groups import GroupNames

_Level = Annotated[Annotated[Level, choice(Level)] | None, blank_is_null]
_ResolutionCode = Annotated[Annotated[ResolutionCode, choice(ResolutionCode)] | None, blank_is_null]
_Moment = Annotated[Moment | None, blank_is_null]
_Label = Annotated[Label | None, blank_is_null]
_Number = Annotated[Number | None, blank_is_null]
_IncidentStatus = Annotated[IncidentStatus, choice(IncidentStatus)]
_KnownErrorStatus = Annotated[KnownErrorStatus, choice(KnownErrorStatus)]
_ArticleKind = Annotated[ArticleKind, choice(ArticleKind)]
_ChangeType = Annotated[ChangeType, choice(ChangeType)]
_ChangeStatus = Annotated[ChangeStatus, choice(ChangeStatus)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class RecordIn(_Schema):
    """What every record has when it comes in."""

    number: _Number = Field(None, validation_alias=AliasChoices("number", "id"))
    """What people call it; left out: the next free one is given."""
    title: Line
    cis: CIReferences = Field(default_factory=list)
    """The CIs that it is about: names, ids, or a source with its key."""


class _Restrictable(_Schema):
    visibility: GroupNames = Field(default_factory=list)
    """Groups that may read it; empty: everyone. Admins always may."""


class RecordPatch(_Schema):
    """Fields that are left out stay as they are; null empties a field."""


class RecordOut(_Schema):
    """What every record has when it goes out."""

    number: str
    title: str
    cis: list[str]
    """The CIs that it is about, as they were written."""
    unresolved_cis: list[str]
    """Those of them that are no CI of ours, or more than one."""
    version: int
    created_at: datetime
    updated_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """The number, as suggestions and addresses name the record."""
        return self.number


def _status_from_times(fields: dict[str, Any]) -> IncidentStatus:
    if fields.get("closed_at"):
        return IncidentStatus.CLOSED
    return IncidentStatus.RESOLVED if fields.get("resolved_at") else IncidentStatus.OPEN


class _IncidentFields(_Restrictable):
    description: Prose = ""
    impact: _Level = None
    urgency: _Level = None
    category: _Label = None
    opened_at: Moment = Field(default_factory=now)
    acknowledged_at: _Moment = None
    restored_at: _Moment = None
    """When the service worked again, the cause perhaps still being there."""
    resolved_at: _Moment = None
    closed_at: _Moment = None
    symptoms: Prose = ""
    root_cause: Prose = ""
    workaround: Prose = ""
    resolution: Prose = ""
    resolution_code: _ResolutionCode = None
    known_error: _Number = None
    """Number of the known error behind it, which may be recorded later."""
    status: _IncidentStatus = Field(default_factory=_status_from_times)
    """Left out, it follows from `closed_at` and `resolved_at`."""


class IncidentIn(RecordIn, _IncidentFields):
    """An incident as it is logged or loaded."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("acknowledged_at", "restored_at", "resolved_at", "closed_at"):
            moment = getattr(self, name)
            if moment is not None and moment < self.opened_at:
                raise PydanticCustomError(
                    "times_out_of_order",
                    "{field} is before opened_at",
                    {"field": name, "column": name},
                )
        return self


class IncidentPatch(RecordPatch):
    """Changes to an incident."""

    title: Line | None = None
    cis: CIReferences | None = None
    description: Prose | None = None
    impact: _Level = None
    urgency: _Level = None
    category: _Label = None
    opened_at: _Moment = None
    acknowledged_at: _Moment = None
    restored_at: _Moment = None
    resolved_at: _Moment = None
    closed_at: _Moment = None
    symptoms: Prose | None = None
    root_cause: Prose | None = None
    workaround: Prose | None = None
    resolution: Prose | None = None
    resolution_code: _ResolutionCode = None
    known_error: _Number = None
    status: _IncidentStatus | None = None
    visibility: GroupNames | None = None


class IncidentOut(RecordOut, _IncidentFields):
    """An incident as it is stored."""

    priority: int | None
    """1 (highest) to 5, by impact and urgency."""


class _KnownErrorFields(_Restrictable):
    description: Prose = ""
    symptoms: Prose = ""
    root_cause: Prose = ""
    workaround: Prose = ""
    """What restores the service while the cause remains."""
    fix: Prose = ""
    """What removes the cause."""
    status: _KnownErrorStatus = KnownErrorStatus.OPEN


class KnownErrorIn(RecordIn, _KnownErrorFields):
    """A known error as it is recorded or loaded."""

    created_at: Moment = Field(default_factory=now)


class KnownErrorPatch(RecordPatch):
    """Changes to a known error."""

    title: Line | None = None
    cis: CIReferences | None = None
    description: Prose | None = None
    symptoms: Prose | None = None
    root_cause: Prose | None = None
    workaround: Prose | None = None
    fix: Prose | None = None
    status: _KnownErrorStatus | None = None
    visibility: GroupNames | None = None


class KnownErrorOut(RecordOut, _KnownErrorFields):
    """A known error as it is stored."""


class _ArticleFields(_Restrictable):
    kind: _ArticleKind = ArticleKind.HOW_TO
    tags: Labels = Field(default_factory=list)
    known_errors: Numbers = Field(default_factory=list)
    """Known errors that it tells how to deal with."""
    superseded_by: Numbers = Field(default_factory=list)
    """Articles that took its place; they are suggested instead."""
    body: Prose = ""
    """Markdown."""


class ArticleIn(RecordIn, _ArticleFields):
    """A knowledge article as it is written or loaded."""


class ArticlePatch(RecordPatch):
    """Changes to an article."""

    title: Line | None = None
    cis: CIReferences | None = None
    kind: _ArticleKind | None = None
    tags: Labels | None = None
    known_errors: Numbers | None = None
    superseded_by: Numbers | None = None
    body: Prose | None = None
    visibility: GroupNames | None = None


class ArticleOut(RecordOut, _ArticleFields):
    """An article as it is stored."""


class _ChangeFields(_Schema):
    description: Prose = ""
    type: _ChangeType = ChangeType.NORMAL
    status: _ChangeStatus = ChangeStatus.PLANNED
    planned_start: _Moment = None
    planned_end: _Moment = None
    started_at: _Moment = None
    ended_at: _Moment = None
    incidents: Numbers = Field(default_factory=list)
    """Incidents that it caused."""


class ChangeIn(RecordIn, _ChangeFields):
    """A change as it is planned or loaded."""


class ChangePatch(RecordPatch):
    """Changes to a change record."""

    title: Line | None = None
    cis: CIReferences | None = None
    description: Prose | None = None
    type: _ChangeType | None = None
    status: _ChangeStatus | None = None
    planned_start: _Moment = None
    planned_end: _Moment = None
    started_at: _Moment = None
    ended_at: _Moment = None
    incidents: Numbers | None = None


class ChangeOut(RecordOut, _ChangeFields):
    """A change as it is stored."""


class FeedbackIn(_Schema):
    """What a suggestion did for an incident."""

    suggestion: Number
    incident: Number
    outcome: Annotated[Outcome, choice(Outcome)]


class PastFeedback(FeedbackIn):
    """Feedback that is loaded from elsewhere, with the time at which it was given."""

    at: Moment = Field(default_factory=now)


class FeedbackOut(_Schema):
    """The feedback as it is stored, and what the suggestion's track record is with it."""

    suggestion: str
    incident: str
    outcome: Outcome
    actor: str
    at: datetime
    track_record: float
    """0 to 1: how likely it is to help, by what is known so far."""
    solved: int
    not_helped: int
