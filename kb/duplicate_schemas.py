"""What an answer says of open incidents that are probably one trouble."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from opsatlas.field_docs import field_docs


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class WhyDuplicate(_Schema):
    """What speaks for one trouble."""

    alike: float
    """How alike the texts are, 0 to 1."""
    graph: float
    """How near the CIs are in the dependency graph, 0 to 1; 0 where a CI is not known."""
    minutes: float
    """Between the two incidents; of a question: since the incident was opened."""


class OpenDuplicate(_Schema):
    """An open incident that is probably the same trouble as what is asked about."""

    number: str
    title: str
    opened_at: datetime
    confidence: float
    """How likely it is the same trouble, 0 to 1."""
    because: WhyDuplicate


class GroupedIncident(_Schema):
    """A member of a group."""

    number: str
    title: str
    opened_at: datetime
    confidence: float
    """How likely it is the same trouble as the others of the group, 0 to 1: the mean over them."""


class IncidentGroup(_Schema):
    """Open incidents that are probably one trouble."""

    duplicate_of: str
    """The incident that was opened first: the one to keep, with the others linked to it."""
    title: str
    """Of that one."""
    count: int
    first_opened: datetime
    last_opened: datetime
    confidence: float
    """Mean over all pairs of the group."""
    common_terms: list[str]
    """Words that most of them have, the rarest first."""
    cis: list[str]
    """The CIs that they are about, those of most incidents first; at most twenty."""
    incidents: list[GroupedIncident]
    """Newest first; at most as many as `members` asks for."""


class IncidentGroups(_Schema):
    """Open incidents, grouped."""

    count: int
    """Groups in all."""
    next: str | None
    """Path and query of the next page; null on the last."""
    previous: str | None
    results: list[IncidentGroup]
    """The largest first."""
    open_incidents: int
    """Open incidents that were compared."""
    alone: int
    """Those of them that resemble no other."""
    notices: list[str]
    """What was left out: `incidents_left_out`, `not_encoded`."""
