"""Tables of the live state: what is reported of CIs, what is announced of services, maintenance."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Json, Model


class CIState(Model):
    """The last that one source reported of one CI; an `up` stays, so that older news is known."""

    __tablename__ = "ci_state"
    __table_args__ = (
        UniqueConstraint("ci_id", "source"),
        Index("ix_ci_state_state_expires_at", "state", "expires_at"),
        CheckConstraint("state IN ('up', 'degraded', 'down')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    ci_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    source: Mapped[str]
    """The monitoring system or person; a word of the reporter's, no source of inventories."""
    state: Mapped[str]
    since: Mapped[datetime]
    """When this source first reported the state that it still reports."""
    reported_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """From when on the report no longer counts; null: until the source says otherwise."""
    message: Mapped[str]
    actor: Mapped[str]


class MaintenanceWindow(Model):
    """A time in which failures of some CIs are expected and announced to nobody."""

    __tablename__ = "maintenance_window"
    __table_args__ = (
        Index("ix_maintenance_window_ends_at", "ends_at"),
        CheckConstraint("starts_at < ends_at", name="order"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class MaintenanceWindowCI(Model):
    """A CI that a maintenance window covers."""

    __tablename__ = "maintenance_window_ci"
    __table_args__ = (Index("ix_maintenance_window_ci_ci_id", "ci_id"),)

    window_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("maintenance_window.id", ondelete="CASCADE"), primary_key=True
    )
    ci_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE"), primary_key=True
    )


class ServiceState(Model):
    """What was announced of a service, and what was seen since; no row: operational for long."""

    __tablename__ = "service_state"

    service_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey("configuration_item.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    announced: Mapped[str]
    seen: Mapped[str]
    seen_at: Mapped[datetime]
    """When it was first seen in the state `seen`."""
    changes: Mapped[list[Any]]
    """The latest moments (seconds since 1970) at which `seen` changed."""
    flapping: Mapped[bool]


class ServiceStateEvent(Model):
    """An event as it was written. Ids ascend in the order of writing and are never used again."""

    __tablename__ = "service_state_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    event: Mapped[str]
    """`service_state` or `flapping`."""
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    """As `live_schemas.StateEvent` without id, time and name of the event."""
