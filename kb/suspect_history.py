"""What the records know of suspects: what changed of late, what broke before, what breaks often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.models import CIClass, ConfigurationItem
from kb.chunks import chunks
from kb.models import AffectedCI, Change, RecordKind
from kb.visibility import of_readable
from opsatlas.groups import UNGROUPED

CHANGED = 10.0
"""How much more often a CI fails that was changed within the window. Some 70 % of outages come
from changes to a live system (Beyer et al., Site Reliability Engineering, 2016, chapter 1); with
5 % of the CIs changed that would be 44 times. Ours is cautious: not every change is recorded."""
SERVICE = 0.2
"""A service fails because of what it stands on; on its own only where the graph lacks something."""
BY_CLASS = {
    "application": 2.0,
    "container": 1.5,
    "database": 1.5,
    "endpoint": 0.5,
    "rack": 0.5,
    "power": 0.5,
    "datacenter": 0.2,
}
"""Others stand at 1. Ours, and mild on purpose: a tie is to be broken, no more."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A change and when it began."""

    number: str
    title: str
    when: datetime


@dataclass(frozen=True, slots=True)
class History:
    """By CI id, of the CIs that were asked for; those of which nothing is known are left out."""

    incidents: dict[int, int]
    changes: dict[int, list[Begun]]
    """The newest first."""
    weights: dict[int, float]
    """How much more often than others a CI fails."""


def history_of(
    session: Session,
    ci_ids: Collection[int],
    since: datetime,
    to: datetime,
    groups: frozenset[str] | None = UNGROUPED,
) -> History:
    """What is known of these CIs; changes that began between the two moments.

    Incidents count, in numbers and in weights, where a caller in `groups` may read them.
    """
    incidents: dict[int, int] = {}
    changes: dict[int, list[Begun]] = defaultdict(list)
    weights: dict[int, float] = {}
    began = func.coalesce(Change.started_at, Change.planned_start)
    for chunk in chunks(ci_ids):
        mine = AffectedCI.ci_id.in_(chunk)
        counted = (
            select(AffectedCI.ci_id, func.count(AffectedCI.record_id.distinct()))
            .where(mine, AffectedCI.record_kind == RecordKind.INCIDENT, of_readable(groups))
            .group_by(AffectedCI.ci_id)
        )
        incidents |= {ci_id: count for ci_id, count in session.execute(counted) if ci_id}
        begun = (
            select(AffectedCI.ci_id, Change.number, Change.title, began.label("when"))
            .join(Change, Change.id == AffectedCI.record_id)
            .where(mine, AffectedCI.record_kind == RecordKind.CHANGE, began.between(since, to))
            .order_by(began.desc(), Change.number)
        )
        for ci_id, number, title, when in session.execute(begun):
            changes[ci_id or 0].append(Begun(number, title, when))
        classes = (
            select(ConfigurationItem.id, ConfigurationItem.ci_class, CIClass.is_service)
            .join(CIClass, CIClass.name == ConfigurationItem.ci_class)
            .where(ConfigurationItem.id.in_(chunk))
        )
        for ci_id, ci_class, is_service in session.execute(classes):
            weights[ci_id] = SERVICE if is_service else BY_CLASS.get(ci_class, 1.0)
    for ci_id, weight in weights.items():
        weights[ci_id] = weight * sqrt(1 + incidents.get(ci_id, 0))
        if ci_id in changes:
            weights[ci_id] *= CHANGED
    return History(incidents, dict(changes), weights)


def window(at: datetime, hours: float) -> tuple[datetime, datetime]:
    """The moments between which a change counts as recent."""
    return at - timedelta(hours=hours), at
