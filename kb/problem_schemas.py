"""What an answer says of problem candidates."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from opsatlas.field_docs import field_docs


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class CandidateIncident(_Schema):
    """An incident of a candidate."""

    number: str
    title: str
    opened_at: datetime
    priority: int | None


class SharedCI(_Schema):
    """A CI that incidents of a candidate are about."""

    name: str
    incidents: int
    """How many of them."""


class ProblemCandidate(_Schema):
    """Incidents without a known error that resemble each other: perhaps one cause."""

    name: str
    """What they have in common: terms and CIs."""
    count: int
    first_opened: datetime
    last_opened: datetime
    common_terms: list[str]
    """Words that most of them have, the rarest first."""
    cis: list[SharedCI]
    """The CIs that they are about, those of most incidents first; at most ten."""
    cohesion: float
    """Mean likeness of two of them, 0 to 1."""
    impact: int
    """Sum of 6 - priority over the incidents; one without a priority counts 1."""
    recency: float
    """Whether it happened lately, 0 to 1."""
    next_step: str
    """What to do about it."""
    incidents: list[CandidateIncident]
    """Newest first, at most fifty."""


class ProblemCandidates(_Schema):
    """Problem candidates, those with the greatest impact first."""

    count: int
    """Candidates in all."""
    next: str | None
    """Path and query of the next page; null on the last."""
    previous: str | None
    results: list[ProblemCandidate]
    considered: int
    """Incidents without a known error that were compared."""
    since: datetime
    """Incidents that were opened before are left out."""
    notices: list[str]
    """What was not available: `incidents_left_out`, `not_encoded`."""
