"""Undo a merge: what moved goes back, as far as nothing later was built on it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.decision_models import CIMerge, IdentificationReview, KeptApart, ReviewState
from cmdb.inventory import stored_ci
from cmdb.merge import keys_told
from cmdb.merge_journal import Journal, journal_of
from cmdb.merge_reading import ci_names
from cmdb.merge_schemas import MergeOut, UnmergeReport
from cmdb.models import ConfigurationItem, ExternalKey, ImportRun, ImportState
from cmdb.plan import ChangedKeys
from cmdb.recompute import recompute
from cmdb.relationship_audit import record_changes
from cmdb.relationship_states import relationship_states
from cmdb.source_schemas import UndoConflict
from cmdb.undo import NotUndoableError
from cmdb.unmerge_relationships import give_back, touched
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.listing import ListQuery, Page, field_columns, list_page
from opsatlas.db.transaction import moment
from opsatlas.errors import NotFoundError

LIST_COLUMNS = field_columns(CIMerge, without=("moved",))
"""What a list of merges can be filtered and ordered by."""


@dataclass(slots=True)
class Unmerging:
    """One undoing while it is at work."""

    session: Session
    merge: CIMerge
    journal: Journal
    undone: frozenset[int]
    """Import runs that were undone: what they brought must not come back."""
    conflicts: list[UndoConflict] = field(default_factory=list)

    def conflict(self, what: str, why: str) -> None:
        self.conflicts.append(UndoConflict(what=what, why=why))


def list_merges(session: Session, query: ListQuery) -> Page[CIMerge]:
    """One page of the merges, the newest first. Raises InvalidListQueryError."""
    return list_page(session, CIMerge, LIST_COLUMNS, query, default_ordering=("-id",))


def get_merge(session: Session, merge_id: int) -> MergeOut:
    """One merge. Raises NotFoundError."""
    return MergeOut.model_validate(stored_merge(session, merge_id), from_attributes=True)


def stored_merge(session: Session, merge_id: int) -> CIMerge:
    """The row of a merge. Raises NotFoundError."""
    row = session.get(CIMerge, merge_id)
    if row is None:
        raise NotFoundError(f"there is no merge {merge_id}", hint="GET /merges lists them")
    return row


def unmerge(session: Session, merge_id: int, actor: Actor, *, revision_keep: int) -> UnmergeReport:
    """Make the loser of a merge a CI of its own again; roll that back for a dry run.

    Raises NotFoundError, and NotUndoableError where the merge was undone, its winner was merged
    on, or nothing is left of what was said of the loser.
    """
    revision.lock(session)
    merge = stored_merge(session, merge_id)
    _check(session, merge)
    runs = select(ImportRun.id).where(ImportRun.state == ImportState.UNDONE)
    work = Unmerging(session, merge, journal_of(merge), frozenset(session.scalars(runs)))
    ids = touched(work)
    before = relationship_states(session, ids)
    back = _give_back_keys(work)
    _revive(work, actor, back)
    give_back(work)
    for each in sorted(set(work.journal.later)):
        why = "the undoing of an import brought it back since, and it stays with the other CI"
        work.conflict(f"relationship {each}", why)
    changed = record_changes(session, actor, before, ids)
    _give_back_reviews(work)
    _take_back_decisions(work)
    merge.undone_by, merge.undone_at = actor.name, moment(session)
    session.flush()
    told = [each for each in keys_told(work.journal) if (each["source"], each["key"]) in back]
    keys: dict[int, ChangedKeys] = {merge.winner_id: (told, [])}
    both = [merge.winner_id, merge.loser_id]
    recompute(session, both, actor, revision_keep=revision_keep, keys=keys)
    revision.note(session, "ci", both, keep=revision_keep)
    revision.note(session, "relationship", changed, keep=revision_keep)
    names = ci_names(session, both)
    return UnmergeReport(
        merge=merge_id,
        dry_run=False,
        winner=names[merge.winner_id],
        loser=names[merge.loser_id],
        keys=len(back),
        relationships_changed=len(changed),
        records=0,
        conflicts=work.conflicts,
    )


def _check(session: Session, merge: CIMerge) -> None:
    if merge.undone_at is not None:
        raise NotUndoableError(f"merge {merge.id} was undone by {merge.undone_by}")
    winner = stored_ci(session, merge.winner_id)
    if winner.merged_into is not None:
        later = session.scalar(
            select(CIMerge.id).where(CIMerge.loser_id == winner.id, CIMerge.undone_at.is_(None))
        )
        raise NotUndoableError(
            f"CI {winner.id} ({winner.name}) was itself merged into CI {winner.merged_into} since",
            hint=f"undo merge {later} first",
        )


def _give_back_keys(work: Unmerging) -> set[tuple[str, str]]:
    """Let the keys that moved lead to the loser again; returns those."""
    merge, session = work.merge, work.session
    back: set[tuple[str, str]] = set()
    for each in work.journal.keys:
        what = f"record {each['key']!r} of {each['source']!r}"
        row = session.get(ExternalKey, (each["source"], each["key"]), populate_existing=True)
        if row is None:
            work.conflict(what, "it was taken away since")
        elif row.ci_id != merge.winner_id:
            work.conflict(what, f"it is about CI {row.ci_id} now")
        else:
            row.ci_id, row.merge_id = merge.loser_id, each["merge"]
            back.add((each["source"], each["key"]))
    if work.journal.keys and not back:
        raise NotUndoableError(
            f"nothing that was said of CI {merge.loser_id} is left",
            hint="all of its records were taken away since",
        )
    session.flush()
    return back


def _revive(work: Unmerging, actor: Actor, back: set[tuple[str, str]]) -> None:
    session = work.session
    loser = session.get_one(ConfigurationItem, work.merge.loser_id, populate_existing=True)
    told = [each for each in keys_told(work.journal) if (each["source"], each["key"]) in back]
    before: dict[str, Any] = {
        "status": loser.status,
        "merged_into": loser.merged_into,
        "keys": [],
    }
    loser.status, loser.merged_into = work.journal.status, None
    loser.version += 1
    loser.updated_at = moment(session)
    session.flush()
    after = {"status": loser.status, "merged_into": None, "keys": told}
    audit.record(session, actor, [Write("unmerge", "ci", loser.id, before, after)])


def _give_back_reviews(work: Unmerging) -> None:
    for each in work.journal.reviews:
        row = work.session.get(IdentificationReview, each["id"])
        if row is None or row.state != ReviewState.OPEN:
            continue  # somebody decided: the record is a CI by now, of which nothing is undone
        if row.candidates == each["after"]:
            row.candidates = each["before"]
        else:
            work.conflict(f"review {row.id}", "a later load found other CIs for it")


def _take_back_decisions(work: Unmerging) -> None:
    for decision_id in work.journal.kept_apart:
        row = work.session.get(KeptApart, decision_id)
        if row is not None:
            work.session.delete(row)
