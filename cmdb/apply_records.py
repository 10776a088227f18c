"""The sources' part of carrying out a plan: what each says of a CI, and what awaits a person."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from cmdb.bulk import LoadRun, chunks
from cmdb.claims import required
from cmdb.decision_models import IdentificationReview, ReviewState
from cmdb.identifiers import identifiers, kept_kinds
from cmdb.models import ExternalKey, Identifier, ImportChange
from cmdb.plan import ChangedRecord, NewRecord, PlannedReview
from opsatlas.db.rows import insert_rows

_KEYS, _IDENTIFIERS, _CHANGES, _REVIEWS = (
    model.metadata.tables[model.__tablename__]
    for model in (ExternalKey, Identifier, ImportChange, IdentificationReview)
)
THE_REST = ""
"""In `set_by`: the run that brought all fields that are not named."""


def create_records(load: LoadRun, records: list[NewRecord], real: Callable[[int], int]) -> None:
    """Insert what the source says for the first time; `real` gives the id of a CI of the plan."""
    for some in chunks(records):
        insert_rows(
            load.session,
            _KEYS,
            [
                {
                    "source": load.source,
                    "key": each.key,
                    "ci_id": real(each.ci),
                    "said": each.said,
                    "set_by": {THE_REST: load.run_id},
                    "created_run": load.run_id,
                    "seen_run": load.run_id,
                    "seen_at": load.at,
                    "missing_run": None,
                }
                for each in some
            ],
        )


def settle_reviews(load: LoadRun, records: list[NewRecord]) -> None:
    """Take records out of the queue that found their CI without a person."""
    waiting = (_REVIEWS.c.source == load.source, _REVIEWS.c.state == ReviewState.OPEN.value)
    if load.session.scalar(select(_REVIEWS.c.id).where(*waiting).limit(1)) is None:
        return
    for some in chunks(records):
        keys = [each.key for each in some]
        load.session.execute(delete(_REVIEWS).where(*waiting, _REVIEWS.c.key.in_(keys)))


def change_records(load: LoadRun, records: list[ChangedRecord]) -> None:
    """Write what the source now says, and keep what it said before for undoing the run."""
    statement = (
        update(_KEYS)
        .where(_KEYS.c.source == load.source, _KEYS.c.key == bindparam("of_key"))
        .values(
            said=bindparam("new_said"),
            set_by=bindparam("new_set_by"),
            missing_run=bindparam("new_missing_run"),
        )
    )
    for some in chunks(records):
        load.session.execute(
            statement,
            [
                {
                    "of_key": each.before.claim.key,
                    "new_said": each.said,
                    "new_set_by": _set_by(each, load.run_id),
                    "new_missing_run": load.run_id if each.missing else None,
                }
                for each in some
            ],
        )
        journal(load, "record", ((each.before.claim.key, _before(each)) for each in some))


def note_seen(load: LoadRun, keys: Iterable[str]) -> None:
    """Keep when the source last reported what it reported before."""
    for some in chunks(keys):
        load.session.execute(
            update(_KEYS)
            .where(_KEYS.c.source == load.source, _KEYS.c.key.in_(some))
            .values(seen_run=load.run_id, seen_at=load.at)
        )


def journal(load: LoadRun, entity: str, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Keep (key, before) of what the run changes or takes away."""
    for some in chunks(rows):
        insert_rows(
            load.session,
            _CHANGES,
            [
                {"run_id": load.run_id, "entity": entity, "entity_key": key, "before": before}
                for key, before in some
            ],
        )


def write_identifiers(
    load: LoadRun,
    cis: Iterable[tuple[int, str, dict[str, Any], dict[str, Any]]],
    root: Callable[[str], str],
    *,
    new: bool,
) -> None:
    """Bring the identifiers of CIs in step: (id, class, fields, attributes) of each."""
    for some in chunks(cis):
        if not new:
            ids = [ci_id for ci_id, *_ in some]
            load.session.execute(delete(_IDENTIFIERS).where(_IDENTIFIERS.c.ci_id.in_(ids)))
        rows = [
            {"kind": kind, "value": value, "ci_id": ci_id}
            for ci_id, ci_class, fields, attributes in some
            for kind, value in dict.fromkeys(
                identifiers(kept_kinds(root(ci_class)), fields["name"], fields, attributes)
            )
        ]
        insert_rows(load.session, _IDENTIFIERS, rows)


def queue_reviews(load: LoadRun, reviews: list[PlannedReview]) -> None:
    """Put records that fit several CIs in the queue; one that waits there is brought up to date."""
    for some in chunks(reviews):
        known = {
            row.key: row.id
            for row in load.session.execute(
                select(_REVIEWS.c.id, _REVIEWS.c.key).where(
                    _REVIEWS.c.source == load.source,
                    _REVIEWS.c.key.in_([each.key for each in some]),
                )
            )
        }
        for each in some:
            name, ci_class = required(each.said)
            values = {
                "run_id": load.run_id,
                "name": name,
                "ci_class": ci_class,
                "said": each.said,
                "candidates": each.candidates,
                "state": ReviewState.OPEN.value,
                "ci_id": None,
                "decided_by": None,
                "decided_at": None,
            }
            if each.key in known:
                load.session.execute(
                    update(_REVIEWS).where(_REVIEWS.c.id == known[each.key]).values(values)
                )
            else:
                fresh = {"source": load.source, "key": each.key, "created_at": load.at}
                load.session.execute(insert(_REVIEWS), [values | fresh])


def _set_by(record: ChangedRecord, run_id: int | None) -> dict[str, Any]:
    """Who brought each value, after this run."""
    before = record.before.claim.said
    set_by = {
        name: run
        for name, run in record.before.set_by.items()
        if name == THE_REST or name in record.said
    }
    for name, value in record.said.items():
        if name not in before or before[name] != value:
            set_by[name] = run_id
    return set_by


def _before(record: ChangedRecord) -> dict[str, Any]:
    """Of the fields that change: `[value, run]`, or null where there was none."""
    said, set_by = record.before.claim.said, record.before.set_by
    changed = [
        name
        for name in {**said, **record.said}
        if said.get(name) != record.said.get(name) or (name in said) != (name in record.said)
    ]
    return {
        "missing_run": record.before.missing_run,
        "fields": {
            name: [said[name], set_by.get(name, set_by.get(THE_REST))] if name in said else None
            for name in changed
        },
    }
