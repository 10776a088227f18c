"""The values that reconciliation works with: what is there, and what a load would change.

A CI is named by an int throughout: its id where it exists, a negative number where it would be
created: -1 is the first of `Plan.new_cis`, -2 the second.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from cmdb.problems import Problems
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
    missing: Missing = Missing.KEEP
    partial: bool = False
    max_retired_share: float = 0.2
    max_problems: int = 500


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


@dataclass(slots=True)
class Current:
    """What the database holds of that which a load may touch."""

    cis: dict[int, CurrentCI] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=dict)
    """Ids of CIs by folded name."""
    keys: dict[str, int] = field(default_factory=dict)
    """The CI of each key of the source."""
    in_source: set[int] = field(default_factory=set)
    """CIs that the source has a key for."""
    other_keys: dict[str, set[int]] = field(default_factory=dict)
    """The CIs of each key of the other sources."""
    in_other_sources: set[int] = field(default_factory=set)
    """CIs that another source has a key for."""
    relationships: dict[Identity, CurrentRelationship] = field(default_factory=dict)
    groups: dict[tuple[int, str], CurrentGroup] = field(default_factory=dict)
    """By dependent and name."""
    claimed: set[int] = field(default_factory=set)
    """Relationships that the source reports."""
    claimed_by_others: set[int] = field(default_factory=set)


class NewCI(NamedTuple):
    folded_name: str
    values: tuple[Any, ...]
    attributes: dict[str, Any]


class ChangedCI(NamedTuple):
    """A CI with its new values; `before` and `after` hold the fields that differ."""

    ci: CurrentCI
    before: dict[str, Any]
    after: dict[str, Any]


class NewKey(NamedTuple):
    key: str
    ci: int


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


class ChangedRelationship(NamedTuple):
    id: int
    dependency: str
    before: dict[str, Any]
    after: dict[str, Any]


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
    new_keys: list[NewKey] = field(default_factory=list)
    dropped_keys: list[NewKey] = field(default_factory=list)
    """Keys of CIs that the source no longer reports, but another one does."""
    new_groups: list[NewGroup] = field(default_factory=list)
    changed_groups: list[ChangedGroup] = field(default_factory=list)
    new_relationships: list[NewRelationship] = field(default_factory=list)
    changed_relationships: list[ChangedRelationship] = field(default_factory=list)
    removed_relationships: list[RemovedRelationship] = field(default_factory=list)
    new_claims: list[int] = field(default_factory=list)
    """Relationships that are there already and that the source now reports, too."""
    dropped_claims: list[int] = field(default_factory=list)
