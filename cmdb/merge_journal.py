"""What a merge moved, as it was before: written by the merge, read by those that undo."""

from collections import defaultdict
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.decision_models import CIMerge
from cmdb.relationship_words import Word

Row = dict[str, Any]
Claims = dict[str, int | None]
"""By source: the import run that first reported a relationship."""


@dataclass(slots=True)
class Journal:
    """The parts of a journal; each row holds what JSON can."""

    status: str
    """Of the loser."""
    keys: list[Row] = field(default_factory=list)
    """`source`, `key`, and the `merge` that had brought it before."""
    moved: list[Row] = field(default_factory=list)
    """Relationships: `id`, `dependent`, `provider`, `group` (id), then the same as `after`."""
    joined: list[Row] = field(default_factory=list)
    """Whole relationships (`row`) with their `claims`; `into` and what that was before."""
    gone: list[Row] = field(default_factory=list)
    """Whole relationships (`row`) between the two, with their `claims`."""
    groups: list[Row] = field(default_factory=list)
    """Redundancy groups that ended: whole, `into` which other one their members went, and whether
    that was there before (`joined`)."""
    words: list[Row] | None = None
    """What sources say of relationships that stay: `id`, `source`, `before` and `after`. None in
    merges of a version that kept no words."""
    limits: list[Row] = field(default_factory=list)
    """Redundancy groups: `id`, min_up `before` and `after`."""
    reviews: list[Row] = field(default_factory=list)
    """Open reviews: `id`, candidates `before` and `after`."""
    kept_apart: list[int] = field(default_factory=list)
    """Ids of decisions that now hold for the winner, too."""
    later: list[int] = field(default_factory=list)
    """Relationships of the winner that were the loser's before the undoing of an import run brought
    them, or a claim of them, back: whose they would be without the merge is not known any more."""
    links: list[Row] = field(default_factory=list)
    """`record_kind`, `record_id` and `name` of records that were about the loser."""

    def as_json(self) -> Row:
        """As it is stored."""
        return {name: getattr(self, name) for name in self.__slots__}


def journal_of(merge: CIMerge) -> Journal:
    """The journal of a stored merge."""
    return Journal(**deepcopy(merge.moved))


@dataclass(slots=True)
class Successors:
    """Where relationships, their claims and redundancy groups went with merges that still hold."""

    relationships: dict[int, int] = field(default_factory=dict)
    groups: dict[int, int] = field(default_factory=dict)
    merges: dict[int, int] = field(default_factory=dict)
    """By CI that became part of another: the merge."""
    joining: dict[int, int] = field(default_factory=dict)
    """By relationship that became part of another: the merge."""
    claims: dict[tuple[int, str], list[int | None]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By relationship and source: all import runs that reported one of those that became it."""
    said: dict[tuple[int, str, int | None], Word] = field(default_factory=dict)
    """By relationship, source and run: what the source said of the one that became it."""

    def relationship(self, relationship_id: int) -> int:
        """The relationship that this one is part of now."""
        while relationship_id in self.relationships:
            relationship_id = self.relationships[relationship_id]
        return relationship_id

    def group(self, group_id: int) -> int:
        """The redundancy group that this one is now."""
        while group_id in self.groups:
            group_id = self.groups[group_id]
        return group_id

    def heir(
        self, relationship_id: int, source: str, undone: Collection[int | None]
    ) -> tuple[int | None] | None:
        """The run that also reported a relationship for this source and holds; None: no run."""
        runs = self.claims.get((relationship_id, source), [])
        holding = sorted((run for run in runs if run not in undone), key=lambda run: run or 0)
        return (holding[0],) if holding else None


def read_successors(session: Session) -> Successors:
    """Where everything went with the merges that were not undone, oldest first."""
    found = Successors()
    merges = session.scalars(
        select(CIMerge).where(CIMerge.undone_at.is_(None)).order_by(CIMerge.id)
    )
    for merge in merges:
        journal = journal_of(merge)
        found.merges[merge.loser_id] = merge.id
        for group in journal.groups:
            if group["into"] is not None and not group["joined"]:
                found.groups[group["id"]] = group["into"]
        for each in journal.joined:
            joined, into = each["row"]["id"], each["into"]
            found.relationships[joined] = into
            found.joining[joined] = merge.id
            for source, run in [*each["claims"].items(), *each["into_claims"].items()]:
                earlier = found.claims.get((joined, source), [])
                known = found.claims[into, source]
                known += [other for other in [run, *earlier] if other not in known]
                for other in earlier:
                    if (joined, source, other) in found.said:
                        found.said[into, source, other] = found.said[joined, source, other]
            for part, words in (("claims", "words"), ("into_claims", "into_words")):
                for source, run in each[part].items():
                    if source in each.get(words, {}):
                        found.said.setdefault((into, source, run), Word(*each[words][source]))
    return found


def note_later(session: Session, merge_id: int | None, relationship_id: int) -> None:
    """Keep that a relationship came back that would not be the winner's without the merge."""
    merge = None if merge_id is None else session.get(CIMerge, merge_id)
    if merge is not None:
        journal = journal_of(merge)
        journal.later.append(relationship_id)
        merge.moved = journal.as_json()
        session.flush()
