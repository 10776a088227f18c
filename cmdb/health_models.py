"""Table of the health report: its numbers, day by day."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Model


class HealthSnapshot(Model):
    """The health of the inventory, or of one part of it, as it was on one day."""

    __tablename__ = "health_snapshot"
    __table_args__ = (
        Index("ix_health_snapshot_part_name_at", "part", "name", "at"),
        Index("ix_health_snapshot_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    part: Mapped[str]
    """`all`, `ci_class`, `source` or `owner`."""
    name: Mapped[str]
    """Of the class, source or owner; empty for all, and for CIs without an owner."""
    configuration_items: Mapped[int]
    errors: Mapped[int]
    warnings: Mapped[int]
    infos: Mapped[int]
    score: Mapped[float | None]
    completeness: Mapped[float | None]
    correctness: Mapped[float | None]
    compliance: Mapped[float | None]
