"""The relationships' part of carrying out a plan: relationships, groups, who reports them."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update

from cmdb.apply_records import journal
from cmdb.bulk import LoadRun, chunks, insert_returning_ids
from cmdb.models import RedundancyGroup, Relationship, RelationshipSource
from cmdb.plan import ChangedWord, Identity, NewClaim, NewRelationship, Plan
from cmdb.relationship_states import relationship_states
from cmdb.relationship_words import FIELDS
from opsatlas.clock import rfc3339
from opsatlas.db.rows import insert_rows

_GROUPS, _RELATIONSHIPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (RedundancyGroup, Relationship, RelationshipSource)
)


def remove_relationships(load: LoadRun, plan: Plan) -> None:
    """Delete what no source reports any more, and what this source said of the others."""
    for some in chunks(plan.dropped_claims):
        rows = load.session.execute(
            select(_CLAIMS).where(
                _CLAIMS.c.source == load.source, _CLAIMS.c.relationship_id.in_(some)
            )
        )
        claims = (
            (
                str(row.relationship_id),
                {
                    "source": load.source,
                    "run": row.run_id,
                    "said": [row.dependency, row.min_up],
                },
            )
            for row in rows
        )
        journal(load, "claim", claims)
        load.session.execute(
            delete(_CLAIMS).where(
                _CLAIMS.c.source == load.source, _CLAIMS.c.relationship_id.in_(some)
            )
        )
        _reported(load, some, before=[load.source], after=[])
    for some_removed in chunks(plan.removed_relationships):
        ids = [each.id for each in some_removed]
        _journal_removal(load, ids)
        states = relationship_states(load.session, ids)
        load.session.execute(delete(_RELATIONSHIPS).where(_RELATIONSHIPS.c.id.in_(ids)))
        load.audit("delete", "relationship", ((each, states[each], None) for each in ids))


def _journal_removal(load: LoadRun, ids: list[int]) -> None:
    rows = load.session.execute(
        select(
            _RELATIONSHIPS,
            _GROUPS.c.name,
            _GROUPS.c.min_up,
            _GROUPS.c.min_up_is_percent,
            _CLAIMS.c.run_id,
            *(_CLAIMS.c[name].label(f"said_{name}") for name in FIELDS),
        )
        .outerjoin(_GROUPS, _GROUPS.c.id == _RELATIONSHIPS.c.group_id)
        .join(
            _CLAIMS,
            (_CLAIMS.c.relationship_id == _RELATIONSHIPS.c.id) & (_CLAIMS.c.source == load.source),
        )
        .where(_RELATIONSHIPS.c.id.in_(ids))
    )
    journal(
        load,
        "relationship",
        (
            (
                str(row.id),
                {
                    "removed": True,
                    "dependent": row.dependent_id,
                    "provider": row.provider_id,
                    "type": row.type,
                    "dependency": row.dependency,
                    "version": row.version,
                    "created_at": rfc3339(row.created_at),
                    "group": row.name,
                    "min_up": row.min_up,
                    "min_up_is_percent": row.min_up_is_percent,
                    "source": load.source,
                    "run": row.run_id,
                    "said": [row.said_dependency, row.said_min_up],
                },
            )
            for row in rows
        ),
    )


def add_claims(load: LoadRun, created: Iterable[NewClaim], known: list[NewClaim]) -> None:
    """Keep that the source reports these relationships, new ones and those that others report,
    and what it says of them."""
    for some in chunks(chain(created, known)):
        insert_rows(
            load.session,
            _CLAIMS,
            [
                {
                    "relationship_id": each.id,
                    "source": load.source,
                    "run_id": load.run_id,
                    "dependency": each.said.dependency,
                    "min_up": each.said.min_up,
                }
                for each in some
            ],
        )
    for some in chunks(known):
        _reported(load, [each.id for each in some], before=[], after=[load.source])


def change_words(load: LoadRun, changes: list[ChangedWord]) -> None:
    """Write what the source now says, and keep what it said before for undoing the run."""
    mine = (_CLAIMS.c.source == load.source) & (_CLAIMS.c.relationship_id == bindparam("of_id"))
    statement = (
        update(_CLAIMS).where(mine).values({name: bindparam(f"new_{name}") for name in FIELDS})
    )
    for some in chunks(changes):
        entries = (
            (
                str(each.id),
                {"source": load.source, "before": list(each.before), "after": list(each.after)},
            )
            for each in some
        )
        journal(load, "said", entries)
        load.session.execute(
            statement,
            [
                {
                    "of_id": each.id,
                    "new_dependency": each.after.dependency,
                    "new_min_up": each.after.min_up,
                }
                for each in some
            ],
        )


def _reported(load: LoadRun, ids: list[int], *, before: list[str], after: list[str]) -> None:
    """A new version of relationships that one source more, or less, reports."""
    load.session.execute(
        update(_RELATIONSHIPS)
        .where(_RELATIONSHIPS.c.id.in_(ids))
        .values(version=_RELATIONSHIPS.c.version + 1, updated_at=load.at)
    )
    entries = ((each, {"sources": before}, {"sources": after}) for each in ids)
    load.audit("update", "relationship", entries)


def remove_empty_groups(load: LoadRun, plan: Plan) -> None:
    """Delete the redundancy groups that lost their last member; new members must be in by now."""
    removed = plan.removed_relationships
    dependents = {each.identity[0] for each in removed if each.identity[3] is not None}
    for some in chunks(dependents):
        load.session.execute(
            delete(_GROUPS).where(
                _GROUPS.c.dependent_id.in_(some),
                ~exists().where(_RELATIONSHIPS.c.group_id == _GROUPS.c.id),
            )
        )


def create_relationships(load: LoadRun, plan: Plan, real: Callable[[int], int]) -> list[int]:
    """Insert new groups and relationships; `real` gives the id of a CI of the plan."""
    groups = insert_returning_ids(
        load.session,
        _GROUPS,
        (
            {
                "dependent_id": real(group.dependent),
                "name": group.name,
                "min_up": group.min_up.value,
                "min_up_is_percent": group.min_up.is_percent,
            }
            for group in plan.new_groups
        ),
    )
    new_groups = {
        (group.dependent, group.name): group_id
        for group, group_id in zip(plan.new_groups, groups, strict=True)
    }

    def row(new: NewRelationship) -> dict[str, Any]:
        dependent, provider, type_name, group = new.identity
        group_id = new.group_id
        if group is not None and group_id is None:
            group_id = new_groups[dependent, group]
        return {
            "dependent_id": real(dependent),
            "provider_id": real(provider),
            "type": type_name,
            "dependency": new.dependency,
            "group_id": group_id,
            "version": 1,
            "created_at": load.at,
            "updated_at": load.at,
        }

    ids = insert_returning_ids(load.session, _RELATIONSHIPS, map(row, plan.new_relationships))

    def described(new: NewRelationship) -> dict[str, Any]:
        dependent, provider, type_name, group = new.identity
        named = _named((real(dependent), real(provider), type_name, group), new.dependency)
        return named if new.min_up is None else {**named, "min_up": str(new.min_up)}

    created = zip(ids, plan.new_relationships, strict=True)
    load.audit("create", "relationship", ((each, None, described(new)) for each, new in created))
    return ids


def change_relationships(load: LoadRun, plan: Plan) -> None:
    """Write the new limits of groups and the new dependencies of relationships."""
    for some_groups in chunks(plan.changed_groups):
        load.session.execute(
            update(_GROUPS)
            .where(_GROUPS.c.id == bindparam("of_id"))
            .values(min_up=bindparam("new_min_up"), min_up_is_percent=bindparam("new_percent")),
            [
                {
                    "of_id": each.id,
                    "new_min_up": each.min_up.value,
                    "new_percent": each.min_up.is_percent,
                }
                for each in some_groups
            ],
        )
    changes = plan.changed_relationships
    for some in chunks(changes):
        load.session.execute(
            update(_RELATIONSHIPS)
            .where(_RELATIONSHIPS.c.id == bindparam("of_id"))
            .values(
                dependency=bindparam("new_dependency"),
                version=_RELATIONSHIPS.c.version + 1,
                updated_at=load.at,
            ),
            [{"of_id": each.id, "new_dependency": each.dependency} for each in some],
        )
    load.audit("update", "relationship", ((each.id, each.before, each.after) for each in changes))


def _named(identity: Identity, dependency: str) -> dict[str, Any]:
    dependent, provider, type_name, group = identity
    named: dict[str, Any] = {
        "dependent": dependent,
        "provider": provider,
        "type": type_name,
        "dependency": dependency,
    }
    return named if group is None else {**named, "redundancy_group": group}
