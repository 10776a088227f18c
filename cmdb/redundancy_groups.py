"""Redundancy groups as relationships that are written one by one name them."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from cmdb.models import RedundancyGroup, Relationship
from cmdb.relationship_checks import SaidRelationship, refuse
from cmdb.relationship_reads import min_up_out
from cmdb.relationship_words import DEFAULT_MIN_UP
from cmdb.values import MinUp
from opsatlas import audit
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.db.transaction import moment
from opsatlas.errors import ErrorItem


def group_named(
    session: Session,
    dependent: int,
    said: SaidRelationship,
    groups: dict[int, SaidRelationship],
    changed: set[int],
    actor: Actor,
    *,
    but: int | None = None,
) -> int:
    """The group that is named, made or given its new limit; adds to `changed` whom that changes.

    `groups` holds what was said before of the groups, `but` is a member that the caller changes.
    """
    group = session.scalar(
        select(RedundancyGroup).where(
            RedundancyGroup.dependent_id == dependent, RedundancyGroup.name == said.group
        )
    )
    if group is None:
        limit = said.min_up or DEFAULT_MIN_UP
        group = RedundancyGroup(
            dependent_id=dependent,
            name=said.group,
            min_up=limit.value,
            min_up_is_percent=limit.is_percent,
        )
        session.add(group)
        session.flush()
    if said.min_up is None:
        return group.id
    earlier = groups.setdefault(group.id, said)
    if earlier.min_up != said.min_up:
        message = f"min_up of the group {said.group!r} is said twice: {earlier.min_up} and "
        message += str(said.min_up)
        refuse([ErrorItem(f"{said.at}/min_up", message, str(said.min_up), "one group has one")])
    before = min_up_out(group)
    if said.min_up != MinUp(group.min_up, group.min_up_is_percent):
        group.min_up, group.min_up_is_percent = said.min_up
        session.flush()
        members = session.scalars(
            update(Relationship)
            .where(Relationship.group_id == group.id, Relationship.id != (but or 0))
            .values(version=Relationship.version + 1, updated_at=moment(session))
            .returning(Relationship.id)
        ).all()
        difference = {"min_up": before}, {"min_up": min_up_out(group)}
        writes = [Write("update", "relationship", each, *difference) for each in members]
        audit.record(session, actor, writes)
        changed.update(members)
    return group.id


def refuse_small_groups(session: Session, groups: dict[int, SaidRelationship]) -> None:
    """Raise where a group was given a count that its members cannot reach."""
    errors: list[ErrorItem] = []
    for group_id, said in groups.items():
        size = session.scalar(
            select(func.count(Relationship.provider_id.distinct())).where(
                Relationship.group_id == group_id
            )
        )
        if said.min_up and not said.min_up.is_percent and said.min_up.value > (size or 0):
            message = f"min_up is {said.min_up}, but the group {said.group!r} has {size} members"
            hint = "add its members in one list, or lower min_up"
            errors.append(ErrorItem(f"{said.at}/min_up", message, str(said.min_up), hint))
    refuse(errors)


def drop_if_empty(session: Session, group_id: int | None) -> None:
    """Delete a group that lost its last member."""
    members = select(Relationship.id).where(Relationship.group_id == group_id)
    if group_id is not None and session.execute(members.limit(1)).first() is None:
        session.execute(delete(RedundancyGroup).where(RedundancyGroup.id == group_id))
