"""The relationships' part of carrying out a plan: relationships, groups, who reports them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import bindparam, delete, exists, update

from cmdb.bulk import LoadRun, chunks, insert_returning_ids
from cmdb.models import RedundancyGroup, Relationship, RelationshipSource
from cmdb.plan import Identity, NewRelationship, Plan

_GROUPS, _RELATIONSHIPS, _CLAIMS = (
    model.metadata.tables[model.__tablename__]
    for model in (RedundancyGroup, Relationship, RelationshipSource)
)


def remove_relationships(load: LoadRun, plan: Plan) -> None:
    """Delete what no source reports any more, and what this source said of the others."""
    for some in chunks(plan.dropped_claims):
        load.session.execute(
            delete(_CLAIMS).where(
                _CLAIMS.c.source == load.source, _CLAIMS.c.relationship_id.in_(some)
            )
        )
    removed = plan.removed_relationships
    for some_removed in chunks(removed):
        ids = [each.id for each in some_removed]
        load.session.execute(delete(_RELATIONSHIPS).where(_RELATIONSHIPS.c.id.in_(ids)))
    load.audit(
        "delete",
        "relationship",
        ((each.id, _named(each.identity, each.dependency), None) for each in removed),
    )


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
