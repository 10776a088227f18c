"""Carry out a plan: bulk statements over plain rows, inside of the caller's unit of work."""

from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.orm import Session

from cmdb.apply_relationships import (
    change_relationships,
    create_relationships,
    remove_empty_groups,
    remove_relationships,
)
from cmdb.bulk import LoadRun, chunks, insert_returning_ids
from cmdb.incoming import STATUS, STORED
from cmdb.models import (
    ConfigurationItem,
    ExternalKey,
    LifecycleStatus,
    RelationshipSource,
)
from cmdb.plan import ChangedCI, NewCI, NewKey, Plan
from opsatlas import revision
from opsatlas.actor import Actor
from opsatlas.clock import now

_CIS, _KEYS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (ConfigurationItem, ExternalKey, RelationshipSource)
)


def apply(
    session: Session, plan: Plan, source: str, actor: Actor, run_id: int, *, revision_keep: int
) -> None:
    """Write what the plan says, an audit entry for each record, and tell the caches."""
    load = LoadRun(session, source, actor, run_id, now())
    new_ids = _create_cis(load, plan)

    def real(ci: int) -> int:
        return ci if ci > 0 else new_ids[-ci - 1]

    _change_cis(load, plan.changed_cis)
    for keys in chunks(plan.new_keys):
        session.execute(
            insert(_KEYS),
            [{"source": source, "key": each.key, "ci_id": real(each.ci)} for each in keys],
        )
    _drop_keys(load, plan.dropped_keys)
    remove_relationships(load, plan)
    created_ids = create_relationships(load, plan, real)
    change_relationships(load, plan)
    remove_empty_groups(load, plan)
    for claims in chunks([*created_ids, *plan.new_claims]):
        session.execute(
            insert(_CLAIMS), [{"relationship_id": each, "source": source} for each in claims]
        )
    cis = [*new_ids, *(changed.ci.id for changed in plan.changed_cis)]
    revision.note(session, "ci", cis, keep=revision_keep)
    relationships = [
        *created_ids,
        *(changed.id for changed in plan.changed_relationships),
        *(removed.id for removed in plan.removed_relationships),
    ]
    revision.note(session, "relationship", relationships, keep=revision_keep)


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
    # The keys of new CIs come first in the plan, in the order of the CIs.
    created = zip(ids, plan.new_cis, plan.new_keys, strict=False)
    load.audit("create", "ci", ((ci_id, None, _described(ci, key)) for ci_id, ci, key in created))
    return ids


def _described(ci: NewCI, key: NewKey) -> dict[str, Any]:
    values = {
        name: value for name, value in zip(STORED, ci.values, strict=True) if value is not None
    }
    return {"key": key.key, **values, **({"attributes": ci.attributes} if ci.attributes else {})}


def _change_cis(load: LoadRun, changes: list[ChangedCI]) -> None:
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


def _drop_keys(load: LoadRun, dropped: list[NewKey]) -> None:
    for some in chunks(dropped):
        keys = [each.key for each in some]
        load.session.execute(
            delete(_KEYS).where(_KEYS.c.source == load.source, _KEYS.c.key.in_(keys))
        )
    load.audit(
        "update",
        "ci",
        ((each.ci, {"source": load.source, "key": each.key}, {"key": None}) for each in dropped),
    )
