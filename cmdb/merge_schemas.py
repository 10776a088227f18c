"""Pydantic types of merges and their undoing, of likely duplicates and of what is kept apart."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cmdb.impact_schemas import CIName
from cmdb.schemas import SourceKey
from cmdb.source_schemas import UndoConflict
from opsatlas.field_docs import field_docs


class _Output(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)


class MergedField(_Output):
    """Which value a field has after a merge, and why."""

    field: str
    """A field, or `attributes.NAME`."""
    value: Any
    winner: Any
    """What the CI that stays has before the merge."""
    loser: Any
    """What the CI that becomes part of it has."""
    source: str | None
    """Whose value counts."""
    of: Literal["winner", "loser"] | None
    """Of which of the two that source says it."""
    why: str


class MergedRelationship(_Output):
    """What becomes of a relationship of the CI that does not stay."""

    id: int
    dependent: CIName
    provider: CIName
    type: str
    dependency: str
    """After the merge."""
    redundancy_group: str | None
    becomes: Literal["moved", "joined", "removed"]
    """`joined`: one with `into`; `removed`: it leads from one of the two to the other."""
    into: int | None


class MergedGroup(_Output):
    """What becomes of a redundancy group."""

    dependent: CIName
    name: str
    becomes: Literal["moved", "joined", "smaller"]
    """`joined`: with the winner's of that name; `smaller`: two of its members become one."""
    min_up: str
    """After the merge."""


class MergeReport(_Output):
    """What a merge does, or would do."""

    id: int | None
    """Of the merge; null for a dry run, which leaves none."""
    dry_run: bool
    winner: CIName
    """The CI that stays."""
    loser: CIName
    """The CI that becomes part of it."""
    fields: list[MergedField]
    keys: list[SourceKey]
    """Of the loser; they lead to the winner from then on."""
    relationships: list[MergedRelationship]
    redundancy_groups: list[MergedGroup]
    reviews: int
    """Records in review that fit the loser, and then the winner."""
    records: int
    """Incidents, known errors, articles and changes about the loser."""


class MergeOut(_Output):
    """A merge in a list."""

    id: int
    loser_id: int
    winner_id: int
    actor: str
    at: datetime
    undone_by: str | None
    undone_at: datetime | None


class UnmergeReport(_Output):
    """What undoing a merge does, or would do."""

    merge: int
    dry_run: bool
    winner: CIName
    loser: CIName
    """The CI that is one of its own again."""
    keys: int
    """Keys that go back to it."""
    relationships_changed: int
    records: int
    """Incidents, known errors, articles and changes that are about it again."""
    conflicts: list[UndoConflict]
    """What cannot be undone any more."""


class LikelyDuplicate(_Output):
    """One of two CIs that are probably one."""

    id: int
    name: str
    ci_class: str
    environment: str | None
    sources: list[str]


class DuplicatePair(_Output):
    """Two CIs that are probably one thing, and why. Nothing is merged by itself."""

    score: float
    """0 to 1."""
    cis: list[LikelyDuplicate]
    reasons: list[str]
    doubts: list[str]
    """What speaks against it."""


class KeptApartOut(_Output):
    """Two CIs that a person found to be two."""

    id: int
    cis: list[CIName]
    decided_by: str
    decided_at: datetime
