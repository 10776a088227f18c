"""The values that reconciliation works with: what is there, and what a load would change.

A CI is named by an int throughout: its id where it exists, a negative number where it would be
created: -1 is the first of `Plan.new_cis`, -2 the second.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from cmdb.claims import Claim, Precedence, Said
from cmdb.identification import OTHERS, Identification, Steps, shipped_identification
from cmdb.problems import Problems
from cmdb.relationship_words import Word
from cmdb.schemas import Counts
from cmdb.values import MinUp
from cmdb.vocabulary import Vocabulary


class Missing(StrEnum):
    """What becomes of the CIs and relationships that a source no longer reports."""

    KEEP = "keep"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Rules:
    """How one load is reconciled."""

    source: str
    classes: Vocabulary
    types: Vocabulary
    near_names: Callable[[str], list[str]]
    """Names of CIs like this one; asked a few times at most."""
    moment: datetime
    """When the load happens: what was last seen long before is stale."""
    precedence: Precedence = field(default_factory=Precedence)
    class_roots: Mapping[str, str] = field(default_factory=dict)
    """By class: the built-in class at its root, where that is another one."""
    identification: Identification = field(default_factory=shipped_identification)
    """By class: by what its CIs are recognised."""
    missing: Missing = Missing.KEEP
    partial: bool = False
    max_retired_share: float = 0.2
    max_problems: int = 500

    def root(self, ci_class: str) -> str:
        """The built-in class that a class is, or stands below."""
        return self.class_roots.get(ci_class, ci_class)

    def steps(self, ci_class: str) -> Steps:
        """By what CIs of a class are recognised, the surest first."""
        found = self.identification.get(ci_class)
        if found is not None:
            return found
        return self.identification.get(self.root(ci_class), self.identification[OTHERS])


class CurrentCI(NamedTuple):
    """A CI as it is stored."""

    id: int
    folded_name: str
    values: tuple[Any, ...]
    """In the order of `incoming.STORED`."""
    attributes: dict[str, Any]


Identity = tuple[int, int, str, str | None]
"""What makes a relationship: dependent, provider, type, name of its redundancy group."""


class CurrentRelationship(NamedTuple):
    """What is stored of a relationship beside its identity."""

    id: int
    dependency: str


class CurrentGroup(NamedTuple):
    id: int
    min_up: MinUp


class MergedCI(NamedTuple):
    """A CI that became part of another one: its name leads on to that."""

    folded_name: str
    into: int


class StoredRecord(NamedTuple):
    """What a source has said of a CI so far."""

    claim: Claim
    set_by: dict[str, Any]
    missing_run: int | None


@dataclass(slots=True)
class Current:
    """What the database holds of that which a load may touch."""

    cis: dict[int, CurrentCI] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=dict)
    """Ids of CIs by folded name, those that led there by a former name too."""
    merged: dict[int, MergedCI] = field(default_factory=dict)
    """CIs that became part of others; they are not among `cis`."""
    joined: set[int] = field(default_factory=set)
    """CIs of which others became part: two records of a source may mean one of them."""
    identifiers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Ids of CIs by kind and value of what identifies them."""
    keys: dict[str, int] = field(default_factory=dict)
    """The CI of each key of the source."""
    in_source: set[int] = field(default_factory=set)
    """CIs that the source reports."""
    other_keys: dict[str, set[int]] = field(default_factory=dict)
    """The CIs of each key of the other sources."""
    records: dict[int, list[StoredRecord]] = field(default_factory=dict)
    """By CI: what each source says of it."""
    relationships: dict[Identity, CurrentRelationship] = field(default_factory=dict)
    groups: dict[tuple[int, str], CurrentGroup] = field(default_factory=dict)
    """By dependent and name."""
    claimed: dict[int, Word] = field(default_factory=dict)
    """Relationships that the source reports, with what it says of them."""
    claimed_by_others: set[int] = field(default_factory=set)
    said_by_others: dict[int, dict[str, Word]] = field(default_factory=dict)
    """By relationship and source, where that says anything."""


class NewCI(NamedTuple):
    folded_name: str
    values: tuple[Any, ...]
    attributes: dict[str, Any]


ChangedKeys = tuple[list[dict[str, str]], list[dict[str, str]]]
"""The keys (`source`, `key`) that a CI loses, and those that it gets."""


def keys_of(source: str, keys: Iterable[str]) -> list[dict[str, str]]:
    """Keys of one source as the audit trail has them."""
    return [{"source": source, "key": key} for key in keys]


class ChangedCI(NamedTuple):
    """A CI with its new values; `before` and `after` hold the fields that differ, and of its
    keys those that it loses and gets."""

    ci: CurrentCI
    before: dict[str, Any]
    after: dict[str, Any]


class NewRecord(NamedTuple):
    """What the source says of a CI that it did not know before."""

    key: str
    ci: int
    said: Said


class ChangedRecord(NamedTuple):
    """What the source now says, or that it no longer has the CI."""

    ci: int
    before: StoredRecord
    said: Said
    missing: bool


class PlannedReview(NamedTuple):
    """A record that waits for a person."""

    key: str
    said: Said
    candidates: list[dict[str, Any]]


class NewGroup(NamedTuple):
    dependent: int
    name: str
    min_up: MinUp


class ChangedGroup(NamedTuple):
    id: int
    min_up: MinUp


class NewRelationship(NamedTuple):
    identity: Identity
    dependency: str
    group_id: int | None
    """Of the redundancy group, where it is there already."""
    min_up: MinUp | None
    """Of the redundancy group, for the audit trail."""
    said: Word


class ChangedRelationship(NamedTuple):
    id: int
    dependency: str
    before: dict[str, Any]
    after: dict[str, Any]


class NewClaim(NamedTuple):
    """A relationship that is there and that the source now reports, too."""

    id: int
    said: Word


class ChangedWord(NamedTuple):
    """Something else that the source now says of a relationship that it reports."""

    id: int
    before: Word
    after: Word


class RemovedRelationship(NamedTuple):
    id: int
    identity: Identity
    dependency: str


@dataclass(slots=True)
class Plan:
    """What a load would change. Nothing of it is done where `refused`."""

    problems: Problems
    ci_counts: Counts = field(default_factory=Counts)
    relationship_counts: Counts = field(default_factory=Counts)
    refused: bool = False
    new_cis: list[NewCI] = field(default_factory=list)
    changed_cis: list[ChangedCI] = field(default_factory=list)
    new_records: list[NewRecord] = field(default_factory=list)
    """Those of the new CIs first, in their order."""
    changed_records: list[ChangedRecord] = field(default_factory=list)
    seen_keys: list[str] = field(default_factory=list)
    """Keys that the source reports again."""
    reviews: list[PlannedReview] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """By key that is new to a CI: why the record is that CI."""
    new_groups: list[NewGroup] = field(default_factory=list)
    changed_groups: list[ChangedGroup] = field(default_factory=list)
    new_relationships: list[NewRelationship] = field(default_factory=list)
    changed_relationships: list[ChangedRelationship] = field(default_factory=list)
    removed_relationships: list[RemovedRelationship] = field(default_factory=list)
    new_claims: list[NewClaim] = field(default_factory=list)
    changed_words: list[ChangedWord] = field(default_factory=list)
    dropped_claims: list[int] = field(default_factory=list)
