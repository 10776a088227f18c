"""What a suggestion question asks and what its answer says, as it crosses the border."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kb.duplicate_schemas import OpenDuplicate
from kb.field_types import CIReferences, Number, Storable, choice
from opsatlas.field_docs import field_docs


class SuggestionKind(StrEnum):
    """Records that can be suggested."""

    INCIDENT = "incident"
    KNOWN_ERROR = "known_error"
    ARTICLE = "article"


class Verdict(StrEnum):
    """How sure we are that something known helps."""

    MATCH = "match"
    WEAK = "weak"
    NO_MATCH = "no_match"


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=field_docs)


class SuggestionQuestion(_Schema):
    """What is seen: an error, an alert, a caller's words; and the CIs that are known to suffer."""

    text: Annotated[Storable, Field(min_length=1)]
    """Any text; its longest is the setting `suggest_max_text`."""
    cis: CIReferences = Field(default_factory=list)
    incident: Number | None = None
    """Its number, where it is logged already: it is no duplicate of itself."""
    limit: Annotated[int, Field(ge=1, le=50)] = 5
    kinds: Annotated[
        list[Annotated[SuggestionKind, choice(SuggestionKind)]], Field(min_length=1, max_length=3)
    ] = Field(default_factory=lambda: list(SuggestionKind))


class Caveat(_Schema):
    """A reason to doubt a suggestion."""

    code: str
    """`ci_retired`, `superseded`, `change_reverted` or `cause_removed`."""
    text: str
    """The reason as the end of a sentence: "it was superseded by KB-0007"."""


class NearestCI(_Schema):
    """The suggestion's CI that is nearest to the CIs of the question, and how far it is."""

    name: str
    hops: int


class Evidence(_Schema):
    """Why a suggestion is here; the four signals are 0 to 1."""

    semantic: float | None
    """How alike in meaning; null where the model was not there."""
    lexical: float
    """How much of the words was found again."""
    graph: float
    """How near its CIs are to those of the question."""
    track_record: float
    """How likely it is to help, by what happened before (0.5: nothing is known)."""
    matched_terms: list[str]
    nearest_ci: NearestCI | None
    solved: int
    not_helped: int
    last_used: datetime | None
    last_seen: datetime | None
    """When the newest incident of this trouble was opened."""
    caveats: list[Caveat]
    """Why it may hold no more; empty where nothing speaks against it."""


class Suggestion(_Schema):
    rank: int
    kind: SuggestionKind
    id: str
    """Number of the record; feedback names it."""
    title: str
    workaround: str
    """What restores the service now; empty where nothing is recorded."""
    fix: str
    """What removes the cause; empty where nothing is recorded."""
    excerpt: str
    """The passage that matched, as plain text."""
    highlights: list[tuple[int, int]]
    """Where the matched words stand in `excerpt`: [start, end) in Unicode code points."""
    why: str
    """Why it is here, in one sentence, by its evidence alone."""
    score: float
    """What the order is by, 0 to 1."""
    confidence: float
    """How likely it is to help, 0 to 1."""
    evidence: Evidence
    incidents: list[str]
    """Incidents of the same trouble, those that resemble the question first; at most ten."""


class SuggestionAnswer(_Schema):
    verdict: Verdict
    confidence: float
    """How likely one of the first three suggestions is to help, 0 to 1."""
    suggestions: list[Suggestion]
    """Best first."""
    duplicates: list[OpenDuplicate]
    """Open incidents that are probably the same trouble, newest first; at most ten."""
    duplicate_of: str | None
    """The one of all of these that was opened first: what a new incident would be linked to."""
    notices: list[str]
    """What was not available, for example `model_warming_up`: the answer is lexical only."""
    took_ms: float
