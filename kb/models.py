"""Tables of the knowledge base: incidents, known errors, articles, changes, feedback, links."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Groups, Model


class RecordKind(StrEnum):
    """The nouns of the knowledge base, as suggestions and links name them."""

    INCIDENT = "incident"
    KNOWN_ERROR = "known_error"
    ARTICLE = "article"
    CHANGE = "change"


class Outcome(StrEnum):
    """What a suggestion did for an incident."""

    RESOLVED = "resolved"
    HELPED = "helped"
    NOT_HELPED = "not_helped"


class Incident(Model):
    """An incident. `number` is what people call it; `known_error` the number of its known error."""

    __tablename__ = "incident"
    # The newest of a known error, and whether any of them has changed (`closures.py`), by it alone.
    __table_args__ = (
        Index(
            "ix_incident_known_error_opened_at",
            "known_error",
            "opened_at",
            "id",
            "version",
            "updated_at",
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    impact: Mapped[str | None]
    urgency: Mapped[str | None]
    priority: Mapped[int | None]
    category: Mapped[str | None]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged_at: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    symptoms: Mapped[str]
    root_cause: Mapped[str]
    workaround: Mapped[str]
    resolution: Mapped[str]
    resolution_code: Mapped[str | None]
    known_error: Mapped[str | None]
    visibility: Mapped[list[str]] = mapped_column(Groups, server_default=text("''"))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class KnownError(Model):
    """A problem with a documented cause and workaround."""

    __tablename__ = "known_error"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    symptoms: Mapped[str]
    root_cause: Mapped[str]
    workaround: Mapped[str]
    fix: Mapped[str]
    status: Mapped[str]
    visibility: Mapped[list[str]] = mapped_column(Groups, server_default=text("''"))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Article(Model):
    """A knowledge article: runbook, how-to or post-mortem, its body in Markdown."""

    __tablename__ = "article"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    tags: Mapped[list[Any]]
    visibility: Mapped[list[str]] = mapped_column(Groups, server_default=text("''"))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Change(Model):
    """A change to CIs: planned, done, failed or reverted."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    type: Mapped[str]
    status: Mapped[str]
    planned_start: Mapped[datetime | None]
    planned_end: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AffectedCI(Model):
    """That a record is about a CI, as it was written; `ci_id` is null where none fits the name."""

    __tablename__ = "affected_ci"
    __table_args__ = (
        UniqueConstraint("record_kind", "record_id", "name"),
        Index("ix_affected_ci_ci_id", "ci_id"),
        Index("ix_affected_ci_name", "name"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    record_kind: Mapped[str]
    record_id: Mapped[int] = mapped_column(BigId)
    name: Mapped[str]
    ci_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("configuration_item.id", ondelete="SET NULL")
    )


class RecordLink(Model):
    """A link between two records by their numbers; the target may come later than the link."""

    __tablename__ = "record_link"
    __table_args__ = (
        UniqueConstraint("from_kind", "from_number", "to_kind", "to_number"),
        Index("ix_record_link_to_kind_to_number", "to_kind", "to_number"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    from_kind: Mapped[str]
    from_number: Mapped[str]
    to_kind: Mapped[str]
    to_number: Mapped[str]


class Feedback(Model):
    """What a suggestion did for an incident, by whom: one voice an actor and incident."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("suggestion", "incident", "actor"),
        Index("ix_feedback_suggestion", "suggestion"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    suggestion: Mapped[str]
    incident: Mapped[str]
    outcome: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
