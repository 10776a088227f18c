"""The job table: slow work that survives a crash, claimed by lease, retried with backoff, visible.

A handler must be idempotent: a job whose worker died is run again from its start.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, and_, exists, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from opsatlas.clock import now
from opsatlas.db.listing import ListQuery, Page, field_columns, list_page
from opsatlas.db.model import BigId, Model
from opsatlas.errors import NotFoundError

BACKOFF_START = timedelta(seconds=2)
BACKOFF_LIMIT = timedelta(minutes=10)


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(Model):
    """One piece of work. `unique_key` keeps a second of the same from queueing behind it."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_run_after", "state", "run_after"),
        Index(
            "uq_job_queued",
            "kind",
            "unique_key",
            unique=True,
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    unique_key: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str]
    attempts: Mapped[int]
    run_after: Mapped[datetime]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


LIST_COLUMNS = field_columns(Job, without=("payload",))
"""What a list of jobs can be filtered and ordered by."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this worker holds until its lease ends."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int


def enqueue(
    session: Session, kind: str, payload: dict[str, Any], *, unique_key: str | None = None
) -> int | None:
    """Queue a job in this unit of work; None where one with the same key is queued already."""
    moment = now()
    values = {
        "kind": kind,
        "unique_key": unique_key,
        "payload": payload,
        "state": JobState.QUEUED.value,
        "attempts": 0,
        "run_after": moment,
        "created_at": moment,
    }
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Job).values(values).on_conflict_do_nothing().returning(Job.id)
    return session.execute(statement).scalar_one_or_none()


def claim(session: Session, worker: str, kinds: list[str], lease: float) -> ClaimedJob | None:
    """Take the next job that is due, or whose worker fell silent; None where there is none.

    `lease` is how many seconds the worker holds it without renewing. A job with a `unique_key`
    waits while another worker runs one of the same kind and key: both would do the same work.
    """
    moment = now()
    twin = aliased(Job)
    alone = ~exists().where(
        twin.kind == Job.kind,
        twin.unique_key == Job.unique_key,
        twin.id != Job.id,
        twin.state == JobState.RUNNING,
        twin.lease_until >= moment,
    )
    due = or_(
        and_(Job.state == JobState.QUEUED, Job.run_after <= moment),
        and_(Job.state == JobState.RUNNING, Job.lease_until < moment),
    )
    job = session.execute(
        select(Job)
        .where(Job.kind.in_(kinds), due, alone)
        .order_by(Job.run_after, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if job is None:
        return None
    job.state = JobState.RUNNING
    job.worker = worker
    job.attempts += 1
    job.lease_until = moment + timedelta(seconds=lease)
    session.flush()
    return ClaimedJob(job.id, job.kind, job.payload, job.attempts)


def renew(session: Session, job_id: int, worker: str, lease: float) -> bool:
    """Hold a job for another `lease` seconds; False where another worker took it over."""
    held = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.worker == worker, Job.state == JobState.RUNNING)
        .values(lease_until=now() + timedelta(seconds=lease))
        .returning(Job.id)
    )
    return held.scalar_one_or_none() is not None


def finish(session: Session, job_id: int, worker: str) -> None:
    """Mark a job done, unless another worker holds it by now."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.worker == worker, Job.state == JobState.RUNNING)
        .values(state=JobState.DONE, finished_at=now(), error=None, lease_until=None)
    )


def fail(session: Session, job: ClaimedJob, worker: str, error: str, max_attempts: int) -> JobState:
    """Queue a job again after a pause that doubles each time, or give it up; says which."""
    gone = job.attempts >= max_attempts
    pause = min(BACKOFF_START * 2 ** (job.attempts - 1), BACKOFF_LIMIT)
    jitter = pause * random.uniform(0.0, 0.25)  # noqa: S311 - spreads load, guards nothing
    state = JobState.FAILED if gone else JobState.QUEUED
    values: dict[str, Any] = {
        "state": state.value,
        "error": error[:4000],
        "lease_until": None,
        "run_after": now() + pause + jitter,
    }
    if gone:
        values["finished_at"] = now()
    else:
        # The next one with this key may be queued already; this try then keeps no key.
        twin = select(Job.id).where(
            Job.kind == job.kind,
            Job.state == JobState.QUEUED,
            Job.unique_key == select(Job.unique_key).where(Job.id == job.id).scalar_subquery(),
        )
        if session.execute(twin).first() is not None:
            values["unique_key"] = None
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.worker == worker, Job.state == JobState.RUNNING)
        .values(values)
    )
    return state


def counts(session: Session) -> dict[str, int]:
    """How many jobs there are in each state."""
    rows = session.execute(select(Job.state, func.count()).group_by(Job.state))
    return {row[0]: row[1] for row in rows}


def list_jobs(session: Session, query: ListQuery) -> Page[Job]:
    """One page of the jobs, the newest first. Raises InvalidListQueryError."""
    return list_page(session, Job, LIST_COLUMNS, query, default_ordering=("-id",))


def get_job(session: Session, job_id: int) -> Job:
    """One job. Raises NotFoundError."""
    found = session.get(Job, job_id)
    if found is None:
        raise NotFoundError(f"there is no job {job_id}")
    return found
