"""Maintenance windows: times in which failures of some CIs are expected, so that nobody is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.live_models import MaintenanceWindow, MaintenanceWindowCI
from cmdb.live_reports import CI_STATE, LONGEST, ci_names
from cmdb.live_schemas import MaintenanceWindowIn, MaintenanceWindowOut
from cmdb.models import ConfigurationItem, LifecycleStatus
from cmdb.references import resolve
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.clock import rfc3339
from opsatlas.db.listing import ListQuery, field_columns, list_page
from opsatlas.db.transaction import moment
from opsatlas.errors import ErrorItem, InvalidInputError, NotFoundError

LIST_COLUMNS = field_columns(MaintenanceWindow)
"""What a list of windows can be filtered and ordered by."""

_ENTITY = "maintenance_window"


@dataclass(frozen=True, slots=True)
class WindowPage:
    """One page of a list: `count` is of the whole list, `last_id` where a cursor goes on."""

    count: int
    results: list[MaintenanceWindowOut]
    more: bool
    last_id: int | None


def plan_window(
    session: Session, window: MaintenanceWindowIn, actor: Actor, *, revision_keep: int
) -> MaintenanceWindowOut:
    """Keep a window. Raises UnresolvedCIError, and InvalidInputError for one that is over."""
    revision.lock(session)
    at = moment(session)
    _refuse_useless(window, at)
    ids = list(dict.fromkeys(resolve(session, window.cis, pointer="/cis")))
    row = MaintenanceWindow(
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        reason=window.reason,
        created_by=actor.name,
        created_at=at,
    )
    session.add(row)
    session.flush()
    session.execute(
        insert(MaintenanceWindowCI), [{"window_id": row.id, "ci_id": ci_id} for ci_id in ids]
    )
    out = _out(session, [row], at)[0]
    _note(session, "create", row.id, None, out, actor, revision_keep)
    return out


def end_window(session: Session, window_id: int, actor: Actor, *, revision_keep: int) -> None:
    """Take a window away, also one that runs. Raises NotFoundError."""
    revision.lock(session)
    row = _stored(session, window_id)
    before = _out(session, [row], moment(session))[0]
    session.delete(row)
    session.flush()
    _note(session, "delete", window_id, before, None, actor, revision_keep)


def get_window(session: Session, window_id: int, at: datetime) -> MaintenanceWindowOut:
    """One window. Raises NotFoundError."""
    return _out(session, [_stored(session, window_id)], at)[0]


def list_windows(session: Session, query: ListQuery, at: datetime) -> WindowPage:
    """One page of the windows, the one that starts last first. Raises InvalidListQueryError."""
    page = list_page(
        session, MaintenanceWindow, LIST_COLUMNS, query, default_ordering=("-starts_at", "-id")
    )
    last = page.rows[-1].id if page.rows else None
    return WindowPage(page.count, _out(session, page.rows, at), page.more, last)


def under_maintenance(session: Session, ids: Iterable[int], at: datetime) -> set[int]:
    """Those of these CIs that a window covers at a moment, or whose status is maintenance."""
    found: set[int] = set()
    for some in chunks(sorted(ids)):
        found.update(
            session.scalars(
                select(MaintenanceWindowCI.ci_id)
                .join(MaintenanceWindow, MaintenanceWindow.id == MaintenanceWindowCI.window_id)
                .where(
                    MaintenanceWindow.starts_at <= at,
                    MaintenanceWindow.ends_at > at,
                    MaintenanceWindowCI.ci_id.in_(some),
                )
            )
        )
        found.update(
            session.scalars(
                select(ConfigurationItem.id).where(
                    ConfigurationItem.id.in_(some),
                    ConfigurationItem.status == LifecycleStatus.MAINTENANCE,
                )
            )
        )
    return found


def next_change(session: Session, at: datetime) -> datetime | None:
    """When after a moment the next window starts or ends."""
    moments = [
        session.scalar(select(func.min(column)).where(column > at))
        for column in (MaintenanceWindow.starts_at, MaintenanceWindow.ends_at)
    ]
    return min((each for each in moments if each is not None), default=None)


def _stored(session: Session, window_id: int) -> MaintenanceWindow:
    row = session.get(MaintenanceWindow, window_id)
    if row is None:
        raise NotFoundError(
            f"there is no maintenance window {window_id}",
            hint="GET /maintenance-windows lists them",
        )
    return row


def _refuse_useless(window: MaintenanceWindowIn, at: datetime) -> None:
    if window.ends_at <= at:
        what, value = "ends_at", window.ends_at
        detail, hint = "the window is over already", f"it is {rfc3339(at)}"
    elif window.ends_at - window.starts_at > LONGEST:
        what, value = "ends_at", window.ends_at
        detail, hint = (
            "the window is longer than a year",
            "a CI with the status maintenance is muted for as long as it has that",
        )
    else:
        return
    raise InvalidInputError(
        detail, hint=hint, errors=[ErrorItem(f"/{what}", detail, rfc3339(value), hint)]
    )


def _out(
    session: Session, rows: Sequence[MaintenanceWindow], at: datetime
) -> list[MaintenanceWindowOut]:
    cis: dict[int, list[int]] = defaultdict(list)
    for some in chunks(row.id for row in rows):
        for window_id, ci_id in session.execute(
            select(MaintenanceWindowCI.window_id, MaintenanceWindowCI.ci_id)
            .where(MaintenanceWindowCI.window_id.in_(some))
            .order_by(MaintenanceWindowCI.ci_id)
        ):
            cis[window_id].append(ci_id)
    names = ci_names(session, {ci_id for ids in cis.values() for ci_id in ids})
    return [
        MaintenanceWindowOut(
            id=row.id,
            cis=[names[ci_id] for ci_id in cis[row.id]],
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            active=row.starts_at <= at < row.ends_at,
            reason=row.reason,
            created_by=row.created_by,
            created_at=row.created_at,
        )
        for row in rows
    ]


def _note(
    session: Session,
    action: str,
    window_id: int,
    before: MaintenanceWindowOut | None,
    after: MaintenanceWindowOut | None,
    actor: Actor,
    revision_keep: int,
) -> None:
    documents = [
        None if each is None else each.model_dump(mode="json", exclude={"id", "active"})
        for each in (before, after)
    ]
    audit.record(session, actor, [Write(action, _ENTITY, window_id, *documents)])
    revision.note(session, CI_STATE, [window_id], keep=revision_keep)
