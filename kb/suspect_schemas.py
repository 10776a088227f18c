"""What a question for suspects asks and what its answer says, as it crosses the border."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from cmdb.impact_schemas import CIName, PathStep
from cmdb.references import CIReference
from kb.field_types import CIReferences
from opsatlas.field_docs import field_docs


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class StatedSymptom(_Schema):
    """A CI and how it is."""

    ci: CIReference
    state: Literal["down", "degraded"]


def _form(symptom: Any) -> str:
    stated = isinstance(symptom, StatedSymptom) or (isinstance(symptom, dict) and "ci" in symptom)
    return "stated" if stated else "plain"


Symptom = Annotated[
    Annotated[CIReference, Tag("plain")] | Annotated[StatedSymptom, Tag("stated")],
    Discriminator(_form),
]
"""A CI that is down or degraded: named as always, or as `{"ci": …, "state": "down"}`."""


class SuspectsQuestion(_Schema):
    """What is seen."""

    symptoms: Annotated[list[Symptom], Field(min_length=1, max_length=1000)]
    healthy: CIReferences = Field(default_factory=list)
    """CIs that are known to work."""
    window_hours: Annotated[float, Field(ge=0, le=24 * 366)] = 24
    """Changes that began so recently make a CI more suspect."""
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class RecentChange(_Schema):
    """A change to a suspect that began within the window."""

    number: str
    title: str
    when: datetime


class SymptomPath(_Schema):
    """How the failure of a suspect reaches a symptom."""

    symptom: str
    path: list[PathStep]


class Suspect(CIName):
    """A CI whose failure may be behind the symptoms."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    score: float
    """Probability that it failed, alone or with one other CI; 0 to 1."""
    explains: list[str]
    """Symptoms that its failure alone would cause."""
    misses: list[str]
    """Symptoms that it would not."""
    contradicts: list[str]
    """Healthy CIs that it would have affected."""
    unreported: int
    """Further services that it would affect, of which nothing is said."""
    recent_changes: list[RecentChange]
    past_incidents: int
    """Incidents so far that named it."""
    path: list[PathStep]
    """From it to the first symptom that it explains."""
    paths: list[SymptomPath]
    """The same for every symptom that it explains; the first twenty."""


class Pair(_Schema):
    """Two CIs that together explain more than either alone."""

    configuration_items: list[CIName]
    score: float
    """Probability that it was these two; 0 to 1."""
    explains: list[str]
    misses: list[str]
    contradicts: list[str]


class NextCheck(CIName):
    """A CI whose state would separate the suspects."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    gain: float
    """Bits of uncertainty that the answer is expected to take; 0 to 1."""
    if_affected: list[str]
    """Suspects that remain where it is degraded or down; a pair reads `a + b`."""
    if_fine: list[str]
    """Suspects that remain where it works."""


class SuspectsAnswer(_Schema):
    suspects: list[Suspect]
    """The likeliest first."""
    pairs: list[Pair]
    check_next: list[NextCheck]
    candidates: int
    """CIs that the symptoms stand on, and that were considered."""
    truncated: bool
    """Whether there were more candidates, or less time, than the settings allow."""
    graph_version: int
    took_ms: float
