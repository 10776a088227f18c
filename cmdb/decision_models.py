"""What people decide about CIs: reviews, merges, and pairs that are kept apart."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Model


class ReviewState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    KEPT_APART = "kept_apart"


class IdentificationReview(Model):
    """A record that fits several CIs: a person decides which one it is, once for all loads."""

    __tablename__ = "identification_review"
    __table_args__ = (UniqueConstraint("source", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(ForeignKey("source.name"))
    key: Mapped[str]
    run_id: Mapped[int | None] = mapped_column(BigId)
    name: Mapped[str]
    ci_class: Mapped[str]
    said: Mapped[dict[str, Any]]
    candidates: Mapped[list[Any]]
    """`{"ci": id, "reasons": [text, …]}` for each CI that it fits."""
    state: Mapped[str] = mapped_column(index=True)
    ci_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="SET NULL")
    )
    """The CI that it was found to be."""
    decided_by: Mapped[str | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class CIMerge(Model):
    """One CI that became part of another, and what moved: what undoing the merge brings back."""

    __tablename__ = "ci_merge"
    __table_args__ = (
        Index("ix_ci_merge_loser_id", "loser_id"),
        Index("ix_ci_merge_winner_id", "winner_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    loser_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    winner_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    moved: Mapped[dict[str, Any]]
    """As `merge_journal.Journal` writes it."""
    actor: Mapped[str]
    at: Mapped[datetime]
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]


class KeptApart(Model):
    """Two CIs that a person found to be two, although they look alike; the lower id first."""

    __tablename__ = "kept_apart"
    __table_args__ = (
        UniqueConstraint("one_id", "other_id"),
        Index("ix_kept_apart_other_id", "other_id"),
        CheckConstraint("one_id < other_id", name="order"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    one_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    other_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="CASCADE")
    )
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
