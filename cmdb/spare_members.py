"""Redundancy as it is right now: groups that have no member to spare, and who is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import (
    ConfigurationItem,
    FailureDirection,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)

REPORTED_DOWN = "reported_down"


@dataclass(frozen=True, slots=True)
class Group:
    """A redundancy group as it was recorded."""

    id: int
    name: str
    dependent: int
    min_up: int
    min_up_is_percent: bool


@dataclass(frozen=True, slots=True)
class Spare:
    """A group and who of its members is up. Nothing is spare where `up` is at most `min_up`."""

    group: Group
    members: int
    """Distinct members, retired ones among them."""
    up: int
    min_up: int
    """Members that must be up, a percentage resolved."""
    missing: dict[int, str]
    """Members that are not up, by id: their status, or `reported_down`."""


def groups_without_spare(session: Session, down: Collection[int]) -> list[Spare]:
    """Groups of living dependents with no more members up than must be, by group id.

    `down` are CIs that are reported down. A member is up while it is active and not among them.
    """
    members: dict[int, dict[int, str]] = defaultdict(dict)
    for group, member, status in session.execute(
        select(RedundancyGroup.id, Relationship.provider_id, ConfigurationItem.status)
        .join(RelationshipType, RelationshipType.name == Relationship.type)
        .join(ConfigurationItem, ConfigurationItem.id == Relationship.provider_id)
        .join(RedundancyGroup, RedundancyGroup.id == Relationship.group_id)
        .where(RelationshipType.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT)
    ):
        members[group][member] = status
    found = (spare(group, members[group.id], down) for group in _groups(session))
    return [each for each in found if each.members and each.up <= each.min_up]


def spare(group: Group, members: dict[int, str], down: Collection[int]) -> Spare:
    """What a group with these members (their status by id) has to spare."""
    missing = {
        member: REPORTED_DOWN if status == LifecycleStatus.ACTIVE else status
        for member, status in members.items()
        if status != LifecycleStatus.ACTIVE or member in down
    }
    there = sum(status != LifecycleStatus.RETIRED for status in members.values())
    wanted = -(-there * group.min_up // 100) if group.min_up_is_percent else group.min_up
    return Spare(group, len(members), len(members) - len(missing), max(1, wanted), missing)


def _groups(session: Session) -> Iterable[Group]:
    rows = session.execute(
        select(
            RedundancyGroup.id,
            RedundancyGroup.name,
            RedundancyGroup.dependent_id,
            RedundancyGroup.min_up,
            RedundancyGroup.min_up_is_percent,
        )
        .join(ConfigurationItem, ConfigurationItem.id == RedundancyGroup.dependent_id)
        .where(ConfigurationItem.status != LifecycleStatus.RETIRED)
        .order_by(RedundancyGroup.id)
    )
    return (Group(*row) for row in rows)
