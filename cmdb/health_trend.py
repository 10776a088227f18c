"""Health over time: one record a day, of the whole inventory and of each of its parts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.health import Scope
from cmdb.health_models import HealthSnapshot
from cmdb.health_schemas import HealthChange, HealthNumbers, HealthPart, TrendPoint
from cmdb.models import ImportRun, ImportState
from opsatlas import audit
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.errors import InvalidInputError

ALL, CI_CLASS, SOURCE, OWNER = "all", "ci_class", "source", "owner"
MONTH = timedelta(days=30)
_KEPT = timedelta(days=800)
"""How long records are kept: two years can be compared day by day."""
_FIELDS = tuple(HealthNumbers.model_fields)


def record(
    session: Session,
    at: datetime,
    whole: HealthNumbers,
    parts: Iterable[tuple[str, HealthPart]],
    actor: Actor,
) -> None:
    """Keep the numbers of a day, in place of what was kept of it before.

    `parts` are the numbers of every class, source and owner, each with what it is.
    """
    begun = _day(at)
    session.execute(
        delete(HealthSnapshot).where(
            (HealthSnapshot.at < at - _KEPT)
            | HealthSnapshot.at.between(begun, begun + timedelta(days=1))
        )
    )
    rows = [
        {"at": at, "part": part, "name": name, **{field: getattr(each, field) for field in _FIELDS}}
        for part, name, each in (
            (ALL, "", whole),
            *((part, each.name, each) for part, each in parts),
        )
    ]
    for some in chunks(rows):
        session.execute(insert(HealthSnapshot), some)
    day = f"{at:%Y-%m-%d}"
    audit.record(
        session, actor, [Write("record", "health_snapshot", day, None, {"score": whole.score})]
    )


def is_due(session: Session, moment: datetime) -> bool:
    """Whether something was loaded since the last record, and none is of today."""
    last = session.scalar(select(func.max(HealthSnapshot.at)))
    if last is not None and last >= _day(moment):
        return False
    loaded = session.scalar(
        select(func.max(ImportRun.created_at)).where(
            ImportRun.state == ImportState.DONE, ~ImportRun.dry_run
        )
    )
    return loaded is not None and (last is None or loaded > last)


def trend(session: Session, scope: Scope, since: datetime) -> list[TrendPoint]:
    """What was recorded of the inventory or of one part of it, the newest first.

    Raises InvalidInputError where `scope` is more than one class, source or owner.
    """
    place = _place(scope)
    if place is None:
        raise InvalidInputError(
            "a trend is of the whole inventory, or of one class, source or owner",
            hint="leave the others out",
        )
    rows = session.scalars(
        select(HealthSnapshot)
        .where(HealthSnapshot.part == place[0], HealthSnapshot.name == place[1])
        .where(HealthSnapshot.at >= since)
        .order_by(HealthSnapshot.at.desc())
    )
    return [TrendPoint.model_validate(row, from_attributes=True) for row in rows]


def changes(
    session: Session, scope: Scope, score: float | None, moment: datetime
) -> tuple[HealthChange | None, HealthChange | None]:
    """The score compared with the last day before today, and with 30 days ago.

    None where nothing was recorded; parts of several classes, sources or owners have no record.
    """
    place = _place(scope)
    if place is None:
        return None, None

    def before(limit: datetime) -> HealthChange | None:
        row = session.execute(
            select(HealthSnapshot.at, HealthSnapshot.score)
            .where(HealthSnapshot.part == place[0], HealthSnapshot.name == place[1])
            .where(HealthSnapshot.at < limit)
            .order_by(HealthSnapshot.at.desc())
            .limit(1)
        ).first()
        if row is None:
            return None
        known = score is not None and row.score is not None
        change = round(score - row.score, 1) if known else None
        return HealthChange(at=row.at, score=row.score, change=change)

    return before(_day(moment)), before(moment - MONTH)


def _place(scope: Scope) -> tuple[str, str] | None:
    named = [
        (part, name)
        for part, names in (
            (CI_CLASS, scope.classes),
            (SOURCE, scope.sources),
            (OWNER, scope.owners),
        )
        for name in names
    ]
    if len(named) > 1:
        return None
    return named[0] if named else (ALL, "")


def _day(moment: datetime) -> datetime:
    """The begin of the day, in UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
