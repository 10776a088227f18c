"""Carry out a plan: bulk statements over plain rows, inside of the caller's unit of work."""

from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from cmdb.apply_records import (
    change_records,
    create_records,
    note_seen,
    queue_reviews,
    settle_reviews,
    write_identifiers,
)
from cmdb.apply_relationships import (
    add_claims,
    change_relationships,
    change_words,
    create_relationships,
    remove_empty_groups,
    remove_relationships,
)
from cmdb.bulk import LoadRun, chunks, insert_returning_ids
from cmdb.incoming import STATUS, STORED
from cmdb.load_progress import Progress, Writing, untold
from cmdb.models import ConfigurationItem, LifecycleStatus
from cmdb.plan import ChangedCI, CurrentCI, NewCI, NewClaim, NewRecord, Plan, Rules
from opsatlas import revision
from opsatlas.actor import Actor

_CIS = ConfigurationItem.metadata.tables[ConfigurationItem.__tablename__]


def apply(
    session: Session,
    plan: Plan,
    rules: Rules,
    actor: Actor,
    run_id: int,
    *,
    revision_keep: int,
    progress: Progress = untold,
) -> None:
    """Write what the plan says, an audit entry for each record, and tell the caches."""
    wrote = Writing(progress, _records(plan))
    load = LoadRun(session, rules.source, actor, run_id, rules.moment, wrote)
    new_ids = _create_cis(load, plan)

    def real(ci: int) -> int:
        return ci if ci > 0 else new_ids[-ci - 1]

    change_cis(load, plan.changed_cis)
    create_records(load, plan.new_records, real)
    settle_reviews(load, plan.new_records)
    change_records(load, plan.changed_records)
    note_seen(load, plan.seen_keys)
    queue_reviews(load, plan.reviews)
    new_cis = zip(new_ids, plan.new_cis, strict=True)
    write_identifiers(load, (identified(*each) for each in new_cis), rules.root, new=True)
    changed = ((each.ci.id, each.ci) for each in plan.changed_cis)
    write_identifiers(load, (identified(*each) for each in changed), rules.root, new=False)
    remove_relationships(load, plan)
    created_ids = create_relationships(load, plan, real)
    change_relationships(load, plan)
    remove_empty_groups(load, plan)
    created = zip(created_ids, (each.said for each in plan.new_relationships), strict=True)
    add_claims(load, (NewClaim(*each) for each in created), plan.new_claims)
    change_words(load, plan.changed_words)
    cis = [*new_ids, *(each.ci.id for each in plan.changed_cis)]
    revision.note(session, "ci", cis, keep=revision_keep, most=revision.NAMED_IN_A_LOAD)
    relationships = [
        *created_ids,
        *(each.id for each in plan.changed_relationships),
        *(removed.id for removed in plan.removed_relationships),
    ]
    revision.note(
        session, "relationship", relationships, keep=revision_keep, most=revision.NAMED_IN_A_LOAD
    )


def _records(plan: Plan) -> int:
    """How many records the plan writes, each with an entry in the audit trail."""
    cis = len(plan.new_cis) + len(plan.changed_cis)
    claims = len(plan.new_claims) + len(plan.dropped_claims)
    changed = len(plan.changed_relationships) + len(plan.removed_relationships)
    return cis + claims + changed + len(plan.new_relationships)


def identified(
    ci_id: int, ci: NewCI | CurrentCI
) -> tuple[int, str, dict[str, Any], dict[str, Any]]:
    """Id, class, fields and attributes of a CI, for its identifiers."""
    fields = dict(zip(STORED, ci.values, strict=True))
    return ci_id, fields["ci_class"], fields, ci.attributes


def _create_cis(load: LoadRun, plan: Plan) -> list[int]:
    rows = (
        {
            "folded_name": ci.folded_name,
            **dict(zip(STORED, ci.values, strict=True)),
            "attributes": ci.attributes,
            "version": 1,
            "created_at": load.at,
            "updated_at": load.at,
        }
        for ci in plan.new_cis
    )
    ids = insert_returning_ids(load.session, _CIS, rows)
    # The records of new CIs come first in the plan, in the order of the CIs.
    created = zip(ids, plan.new_cis, plan.new_records, strict=False)
    load.audit(
        "create", "ci", ((ci_id, None, _described(ci, record)) for ci_id, ci, record in created)
    )
    return ids


def _described(ci: NewCI, record: NewRecord) -> dict[str, Any]:
    values = {
        name: value for name, value in zip(STORED, ci.values, strict=True) if value is not None
    }
    return {"key": record.key, **values, **({"attributes": ci.attributes} if ci.attributes else {})}


def change_cis(load: LoadRun, changes: list[ChangedCI]) -> None:
    """Write the new values of CIs, with an audit entry for each."""
    names = ("folded_name", *STORED, "attributes")
    statement = (
        update(_CIS)
        .where(_CIS.c.id == bindparam("of_id"))
        .values(
            {name: bindparam(f"new_{name}") for name in names}
            | {"version": _CIS.c.version + 1, "updated_at": load.at}
        )
    )
    for some in chunks(changes):
        rows = [
            {
                "of_id": changed.ci.id,
                "new_folded_name": changed.ci.folded_name,
                **{
                    f"new_{name}": value
                    for name, value in zip(STORED, changed.ci.values, strict=True)
                },
                "new_attributes": changed.ci.attributes,
            }
            for changed in some
        ]
        load.session.execute(statement, rows)
    for action in ("update", "retire"):
        load.audit(
            action,
            "ci",
            (
                (changed.ci.id, changed.before, changed.after)
                for changed in changes
                if _action(changed) == action
            ),
        )


def _action(changed: ChangedCI) -> str:
    retired = changed.after.get(STORED[STATUS]) == LifecycleStatus.RETIRED
    return "retire" if retired else "update"
