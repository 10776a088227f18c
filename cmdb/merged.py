"""CIs that became part of others: what stays of them is a retired row that leads on."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.models import ConfigurationItem
from opsatlas.errors import ConflictError


class MergedError(ConflictError):
    """The configuration item is part of another one now."""

    code = "merged"


def follow(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """By id: the CI that it is part of now, itself where it was merged into none."""
    goals = {ci_id: ci_id for ci_id in ids}
    waiting = set(goals)
    while waiting:
        into: dict[int, int] = {}
        for some in chunks(waiting):
            rows = session.execute(
                select(ConfigurationItem.id, ConfigurationItem.merged_into).where(
                    ConfigurationItem.id.in_(some), ConfigurationItem.merged_into.is_not(None)
                )
            )
            into |= {row.id: row.merged_into for row in rows}
        goals = {ci_id: into.get(goal, goal) for ci_id, goal in goals.items()}
        waiting = set(into.values())
    return goals


def joined_among(session: Session, ids: Iterable[int]) -> set[int]:
    """Those of the CIs of which others became part."""
    wanted = set(ids)
    goals = session.scalars(
        select(ConfigurationItem.merged_into)
        .where(ConfigurationItem.merged_into.is_not(None))
        .distinct()
    )
    return {goal for goal in goals if goal in wanted}


def parts_of(session: Session, ids: Iterable[int]) -> set[int]:
    """The CIs that became part of these, directly or not."""
    found: set[int] = set()
    waiting = set(ids)
    while waiting:
        parts: set[int] = set()
        for some in chunks(waiting):
            into = ConfigurationItem.merged_into.in_(some)
            parts.update(session.scalars(select(ConfigurationItem.id).where(into)))
        waiting = parts - found
        found |= parts
    return found


def refuse_merged(row: ConfigurationItem) -> None:
    """Raise MergedError for a CI that is part of another one."""
    if row.merged_into is not None:
        raise MergedError(
            f"CI {row.id} ({row.name}) was merged into CI {row.merged_into}",
            hint="ask for that one, or undo the merge",
        )
