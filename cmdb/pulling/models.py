"""Tables of pulled sources: their runs, and the pages that these read."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from opsatlas.db.model import BigId, Json, Model


class SyncState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It was read, and its load refused."""
    INTERRUPTED = "interrupted"
    """It was not read to its end; the next run goes on from there."""


class SyncMode(StrEnum):
    FULL = "full"
    INCREMENTAL = "incremental"


class SyncRun(Model):
    """One reading of a source over HTTP. Of each source one at most is queued or running."""

    __tablename__ = "sync_run"
    __table_args__ = (
        Index(
            "uq_sync_run_open",
            "source",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index("ix_sync_run_source", "source"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    source: Mapped[str]
    state: Mapped[str]
    mode: Mapped[str]
    dry_run: Mapped[bool]
    fingerprint: Mapped[str]
    """That of the settings by which its pages were asked for; empty before it begins."""
    since: Mapped[datetime | None]
    """The moment from which on an incremental run reads changes."""
    watermark: Mapped[datetime | None]
    """How far it has seen the source; the next incremental run begins there."""
    read_from: Mapped[datetime | None]
    """When its first page was read, by the clock of the source."""
    lease_until: Mapped[datetime | None]
    pages: Mapped[int]
    records: Mapped[int]
    import_id: Mapped[int | None] = mapped_column(BigId)
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class SyncPage(Model):
    """A page of a source as it came, packed; kept until a full run has taken its place."""

    __tablename__ = "sync_page"
    __table_args__ = (Index("ix_sync_page_run_id", "run_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("sync_run.id", ondelete="CASCADE"))
    list: Mapped[str]
    content: Mapped[bytes]
    following: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What is to be asked after it; null at the end of the list."""
