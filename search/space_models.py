"""Tables of the vector spaces: which there are, which one serves, and which process wants which."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Model


class SpaceState(StrEnum):
    SERVING = "serving"
    """Answers come from it. At most one is."""
    FILLING = "filling"
    """Some process wants it; it serves once it is whole and all want it."""
    RETIRED = "retired"
    """Nobody wants it; kept for a while, for the way back."""


class VectorSpace(Model):
    """The vectors of one model, and how that model is loaded (`ModelChoice.recipe`)."""

    __tablename__ = "vector_space"
    __table_args__ = (
        UniqueConstraint("model_id"),
        CheckConstraint("state IN ('serving', 'filling', 'retired')", name="state"),
        Index(
            "uq_vector_space_serving",
            "state",
            unique=True,
            sqlite_where=text("state = 'serving'"),
            postgresql_where=text("state = 'serving'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    model_id: Mapped[str]
    dimensions: Mapped[int]
    recipe: Mapped[dict[str, Any]]
    state: Mapped[str]
    since: Mapped[datetime]
    """When it came into this state."""


class SpaceWish(Model):
    """The space that the settings of a running process choose; renewed as long as it runs."""

    __tablename__ = "vector_space_wish"

    process: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str]
    renewed_at: Mapped[datetime]
