"""Undo an import run: take back what it brought, and bring back what it changed or took away.

What a later run, or a person, changed since stays as it is and is listed. Nothing else is touched:
values are kept by source, so that taking back one word leaves the others.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from cmdb.apply_records import THE_REST
from cmdb.bulk import chunks
from cmdb.decision_models import IdentificationReview, ReviewState
from cmdb.incoming import STORED
from cmdb.merge_journal import Successors, read_successors
from cmdb.merged import parts_of
from cmdb.models import ConfigurationItem, ExternalKey, ImportChange, ImportRun, ImportState
from cmdb.plan import keys_of
from cmdb.recompute import recompute
from cmdb.source_schemas import UndoConflict, UndoReport
from cmdb.undo_relationships import still_used, undo_relationships
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import rfc3339
from opsatlas.errors import ConflictError, NotFoundError

_CIS = ConfigurationItem.metadata.tables[ConfigurationItem.__tablename__]

_ALSO_TOLD = ("attributes", "merged_into", "version")


class NotUndoableError(ConflictError):
    """The run changed nothing that could be undone."""

    code = "not_undoable"


@dataclass(slots=True)
class Undoing:
    """One undoing while it is at work."""

    session: Session
    run: ImportRun
    actor: Actor
    undone: frozenset[int]
    """Runs that were undone before: what they brought must not come back."""
    successors: Successors
    """Where relationships went with merges."""
    touched: set[int] = field(default_factory=set)
    """CIs whose values must be made anew."""
    relationships: set[int] = field(default_factory=set)
    lost_keys: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By CI: keys of the run's source that it no longer has."""
    restored_values: int = 0
    conflicts: list[UndoConflict] = field(default_factory=list)

    def conflict(self, what: str, why: str) -> None:
        self.conflicts.append(UndoConflict(what=what, why=why))


def undo(session: Session, run_id: int, actor: Actor, *, revision_keep: int) -> UndoReport:
    """Undo a run in the caller's unit of work; roll that back for a dry run.

    Raises NotFoundError, and NotUndoableError for a run that is not `done`.
    """
    revision.lock(session)
    run = session.get(ImportRun, run_id)
    if run is None:
        raise NotFoundError(f"there is no import {run_id}")
    if run.state != ImportState.DONE:
        raise NotUndoableError(
            f"import {run_id} is {run.state}", hint="only an import that is done can be undone"
        )
    earlier = select(ImportRun.id).where(ImportRun.state == ImportState.UNDONE)
    undone = frozenset(session.scalars(earlier))
    work = Undoing(session, run, actor, undone, read_successors(session))
    undo_relationships(work)
    _restore_records(work)
    _remove_records(work)
    _remove_reviews(work)
    session.flush()
    gone = _remove_cis(work)
    deleted = (Write("delete", "ci", ci_id, state, None) for ci_id, state in gone.items())
    for some in chunks(deleted):
        audit.record(session, actor, some)
    keys = {
        ci_id: (keys_of(run.source, lost), keys_of(run.source, []))
        for ci_id, lost in work.lost_keys.items()
    }
    changed = recompute(
        session, work.touched - gone.keys(), actor, revision_keep=revision_keep, keys=keys
    )
    revision.note(session, "ci", gone, keep=revision_keep, most=revision.NAMED_IN_A_LOAD)
    revision.note(
        session,
        "relationship",
        work.relationships,
        keep=revision_keep,
        most=revision.NAMED_IN_A_LOAD,
    )
    run.state = ImportState.UNDONE
    report = UndoReport(
        import_run=run_id,
        configuration_items_removed=len(gone),
        configuration_items_changed=len(changed),
        relationships_changed=len(work.relationships),
        values_restored=work.restored_values,
        conflicts=work.conflicts,
    )
    summary = report.model_dump(mode="json", exclude={"conflicts"})
    audit.record(session, actor, [Write("undo", "import_run", run_id, None, summary)])
    session.flush()
    return report


def _restore_records(work: Undoing) -> None:
    """Bring back, field by field, what the run replaced; a later word stays."""
    changes = work.session.execute(
        select(ImportChange.entity_key, ImportChange.before).where(
            ImportChange.run_id == work.run.id, ImportChange.entity == "record"
        )
    )
    for some in chunks(changes):
        rows = _records(work, [row.entity_key for row in some])
        for key, before in some:
            record = rows.get(key)
            if record is None:
                work.conflict(f"record {key!r}", "it was taken away since")
                continue
            work.touched.add(record.ci_id)
            _restore_fields(work, record, before["fields"])
            if record.missing_run == work.run.id or (
                record.missing_run is None and record.seen_run == work.run.id
            ):
                run = before["missing_run"]
                record.missing_run = None if run in work.undone else run


def _restore_fields(work: Undoing, record: ExternalKey, fields: dict[str, Any]) -> None:
    said, set_by = dict(record.said), dict(record.set_by)
    for name, old in fields.items():
        by = set_by.get(name, set_by.get(THE_REST)) if name in said else work.run.id
        if by != work.run.id:
            work.conflict(
                f"{name} of {record.key!r}", f"changed since by {_who(by)}: {said.get(name)!r}"
            )
            continue
        restored = _not_undone(work, record.key, name, old)
        said.pop(name, None)
        set_by.pop(name, None)
        if restored is not None:
            said[name], by = restored
            if by != set_by.get(THE_REST):
                set_by[name] = by
        work.restored_values += 1
    record.said, record.set_by = said, set_by


def _not_undone(work: Undoing, key: str, name: str, old: list[Any] | None) -> list[Any] | None:
    """What a field said before, past the runs that were undone meanwhile."""
    while old is not None and old[1] in work.undone:
        before = work.session.scalar(
            select(ImportChange.before).where(
                ImportChange.run_id == old[1],
                ImportChange.entity == "record",
                ImportChange.entity_key == key,
            )
        )
        old = None if before is None else before["fields"].get(name)
    return old


def _remove_records(work: Undoing) -> None:
    """Take away what the source said for the first time in this run."""
    keys = work.session.scalars(
        select(ExternalKey.key).where(
            ExternalKey.source == work.run.source, ExternalKey.created_run == work.run.id
        )
    ).all()
    for some in chunks(keys):
        for key, record in _records(work, some).items():
            work.touched.add(record.ci_id)
            later = {by for name, by in record.set_by.items() if name and by != work.run.id}
            if later:
                who = ", ".join(sorted(map(_who, later)))
                work.conflict(f"record {key!r}", f"it was changed since by {who}, and stays")
            else:
                work.session.delete(record)
                work.lost_keys[record.ci_id].append(record.key)


def _remove_reviews(work: Undoing) -> None:
    work.session.execute(
        delete(IdentificationReview).where(
            IdentificationReview.run_id == work.run.id,
            IdentificationReview.state == ReviewState.OPEN,
        )
    )


def _remove_cis(work: Undoing) -> dict[int, dict[str, Any]]:
    """Remove the CIs of which nobody says anything any more, unless something hangs on them, and
    with them what was merged into them. Returns what they were, by id.
    """
    gone: dict[int, dict[str, Any]] = {}
    for some in chunks(work.touched):
        unsaid = select(*_CIS.c).where(
            _CIS.c.id.in_(some), ~exists().where(ExternalKey.ci_id == _CIS.c.id)
        )
        for ci in work.session.execute(unsaid).all():
            if still_used(work.session, ci.id):
                work.conflict(f"CI {ci.name!r}", "relationships of others lead to it, and it stays")
                continue
            parts = select(*_CIS.c).where(_CIS.c.id.in_(parts_of(work.session, [ci.id])))
            for row in (ci, *work.session.execute(parts).all()):
                gone[row.id] = {
                    **{name: getattr(row, name) for name in (*STORED, *_ALSO_TOLD)},
                    "keys": keys_of(work.run.source, work.lost_keys.get(row.id, [])),
                    "created_at": rfc3339(row.created_at),
                    "updated_at": rfc3339(row.updated_at),
                }
            work.session.execute(delete(ConfigurationItem).where(ConfigurationItem.id == ci.id))
    return gone


def _records(work: Undoing, keys: Iterable[str]) -> dict[str, ExternalKey]:
    rows = work.session.scalars(
        select(ExternalKey).where(
            ExternalKey.source == work.run.source, ExternalKey.key.in_(list(keys))
        )
    )
    return {row.key: row for row in rows}


def _who(by: Any) -> str:
    return f"import {by}" if isinstance(by, int) else "hand"
