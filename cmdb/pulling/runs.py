"""Runs of pulled sources and the pages that they read: begun, gone on with, ended, listed.

The pages of the last full run and of the incremental ones after it stay: an incremental run reads
only what changed, and what is loaded is everything that is known, so that no reference of a changed
record leads out of the load.
"""

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, false, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cmdb.pulling.models import SyncMode, SyncPage, SyncRun, SyncState
from cmdb.pulling.protocol import Ask, Wanted
from cmdb.pulling.pull import Page
from cmdb.pulling.sources import SyncSource
from cmdb.schemas import ImportReport
from opsatlas.actor import Actor
from opsatlas.clock import now
from opsatlas.errors import ConflictError, NotFoundError

_OPEN = (SyncState.QUEUED.value, SyncState.RUNNING.value)
_STALE = timedelta(hours=24)
"""Age above which what an interrupted run has read is read again."""


class SyncRunningError(ConflictError):
    """The source is being pulled already."""

    code = "sync_running"


def queue(
    session: Session, source: SyncSource, actor: Actor, *, full: bool = False, dry_run: bool = False
) -> SyncRun:
    """A run that waits to be started; the one that waits already where it is the same.

    Raises SyncRunningError.
    """
    _give_up_lost(session, source.name)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "source": source.name,
        "state": SyncState.QUEUED.value,
        "mode": (SyncMode.FULL if full else _mode(session, source)).value,
        "dry_run": dry_run,
        "fingerprint": "",
        "pages": 0,
        "records": 0,
        "actor": actor.name,
        "created_at": now(),
    }
    made = session.execute(
        dialect.insert(SyncRun).values(values).on_conflict_do_nothing().returning(SyncRun.id)
    ).scalar_one_or_none()
    if made is not None:
        return get_run(session, source.name, made)
    waiting = session.scalars(
        select(SyncRun).where(SyncRun.source == source.name, SyncRun.state.in_(_OPEN))
    ).one_or_none()
    if waiting is None or waiting.state == SyncState.RUNNING or waiting.dry_run != dry_run:
        raise SyncRunningError(
            f"{source.name} is being pulled already",
            hint="`opsatlas sync --list` shows it; a run whose process died is given up soon",
        )
    if full:
        waiting.mode = SyncMode.FULL
    return waiting


def claim(session: Session, run_id: int, lease: float) -> SyncRun | None:
    """Take a run that waits, that was interrupted, or whose process fell silent, for `lease`
    seconds; None where it has ended or another took its place. Raises SyncRunningError."""
    run = session.scalars(
        select(SyncRun).where(SyncRun.id == run_id).with_for_update()
    ).one_or_none()
    if run is None or run.state in (SyncState.DONE, SyncState.FAILED):
        return None
    moment = now()
    if run.state == SyncState.RUNNING and run.lease_until and run.lease_until > moment:
        raise SyncRunningError(f"{run.source} is being pulled already")
    if run.state == SyncState.INTERRUPTED:
        later = select(SyncRun).where(SyncRun.source == run.source, SyncRun.id > run.id)
        newer = session.scalars(later).all()
        if any(not each.dry_run for each in newer):
            return None
        if any(each.state in _OPEN for each in newer):
            raise SyncRunningError(f"{run.source} is being pulled already")
    run.state, run.error, run.finished_at = SyncState.RUNNING, None, None
    run.lease_until = moment + timedelta(seconds=lease)
    session.flush()
    return run


def renew(session: Session, run_id: int, lease: float) -> None:
    """Hold a run for another `lease` seconds."""
    session.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id, SyncRun.state == SyncState.RUNNING)
        .values(lease_until=now() + timedelta(seconds=lease))
    )


def begin(
    session: Session, source: SyncSource, run: SyncRun
) -> tuple[Wanted, dict[str, Ask | None]]:
    """What a run asks for, and how far each list was read: by an earlier try of it, or by a run
    that was interrupted, whose pages it takes over."""
    if not run.fingerprint or run.fingerprint != source.fingerprint:
        _drop_pages(session, run.id)
        run.fingerprint, run.pages, run.records, run.read_from = source.fingerprint, 0, 0, None
        run.watermark = None
        if run.mode == SyncMode.INCREMENTAL:
            run.mode = _mode(session, source)
        if run.mode == SyncMode.INCREMENTAL:
            before = _last_done(session, source)
            run.since = (
                before.watermark - source.overlapping if before and before.watermark else None
            )
        if not run.dry_run:
            _take_over(session, source, run)
        session.flush()
    reached: dict[str, Ask | None] = {}
    rows = session.execute(
        select(SyncPage.list, SyncPage.following)
        .where(SyncPage.run_id == run.id)
        .order_by(SyncPage.id)
    )
    for name, following in rows:
        reached[name] = None if following is None else Ask.from_json(following)
    return Wanted(source.asked_lists, source.page_size, run.since), reached


def keep_page(session: Session, run_id: int, page: Page) -> None:
    """Keep a page that was read, and how far the run has got."""
    run = session.get_one(SyncRun, run_id)
    session.add(
        SyncPage(
            run_id=run_id,
            list=page.list,
            content=zlib.compress(page.content),
            following=None if page.following is None else page.following.as_json(),
        )
    )
    run.pages += 1
    run.records += page.records
    run.read_from = run.read_from or page.at
    if page.newest is not None and (run.watermark is None or page.newest > run.watermark):
        run.watermark = page.newest


def contents(
    session: Session, run: SyncRun, *, earlier: bool = False
) -> Iterator[tuple[str, bytes]]:
    """Everything that is known of the source: the pages of the run, and for an incremental one
    those that came before it; with `earlier` those alone. By list, oldest first."""
    wanted = [] if earlier else [SyncPage.run_id == run.id]
    if run.mode == SyncMode.INCREMENTAL:
        kept = select(SyncRun.id).where(
            SyncRun.source == run.source,
            SyncRun.state == SyncState.DONE,
            SyncRun.fingerprint == run.fingerprint,
        )
        wanted.append(SyncPage.run_id.in_(kept))
    rows = session.execute(
        select(SyncPage.list, SyncPage.content)
        .where(or_(false(), *wanted))
        .order_by(SyncPage.run_id, SyncPage.id)
        .execution_options(yield_per=16)
    )
    for name, content in rows:
        yield name, zlib.decompress(content)


def end(session: Session, source: SyncSource, run_id: int, report: ImportReport | None) -> None:
    """Keep what became of a run; `report` None: nothing had changed. Pages that no later run needs
    go."""
    run = session.get_one(SyncRun, run_id)
    done = report is None or report.state == SyncState.DONE
    run.state = SyncState.DONE if done else SyncState.FAILED
    run.finished_at, run.lease_until = now(), None
    if report is not None:
        run.report, run.import_id = report.model_dump(mode="json"), report.id
        run.error = None if done else "its load was refused; the report says why"
    run.watermark = _seen_up_to(session, source, run)
    if run.dry_run or not done or not source.is_incremental:
        _drop_pages(session, run.id)
    if done and not run.dry_run and run.mode == SyncMode.FULL:
        others = select(SyncRun.id).where(SyncRun.source == run.source, SyncRun.id != run.id)
        session.execute(delete(SyncPage).where(SyncPage.run_id.in_(others)))
    session.flush()


def interrupt(session: Session, run_id: int, error: str) -> None:
    """Say why a run stopped; its pages stay for the next one."""
    session.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id, SyncRun.state.in_(_OPEN))
        .values(
            state=SyncState.INTERRUPTED, error=error[:4000], finished_at=now(), lease_until=None
        )
    )


def get_run(session: Session, source: str, run_id: int) -> SyncRun:
    """One run of a source. Raises NotFoundError."""
    found = session.get(SyncRun, run_id)
    if found is None or found.source != source:
        raise NotFoundError(f"{source} has no run {run_id}")
    return found


def last_run(session: Session, source: str, *, real: bool = False) -> SyncRun | None:
    """The newest run of a source; with `real` the newest that is no dry run."""
    wanted = select(SyncRun).where(SyncRun.source == source).order_by(SyncRun.id.desc()).limit(1)
    if real:
        wanted = wanted.where(SyncRun.dry_run.is_(False))
    return session.scalars(wanted).one_or_none()


def next_run(session: Session, source: SyncSource, moment: datetime) -> datetime | None:
    """When a source is due; None where it has no schedule."""
    if source.timing is None:
        return None
    last = last_run(session, source.name, real=True)
    return source.timing.next_run(None if last is None else last.created_at, moment)


def is_due(session: Session, source: SyncSource, moment: datetime) -> bool:
    """Whether a run should be queued now."""
    due = next_run(session, source, moment)
    if due is None or due > moment:
        return False
    running = select(SyncRun.id).where(
        SyncRun.source == source.name, SyncRun.state == SyncState.RUNNING, ~_lost(moment)
    )
    return session.scalars(running).first() is None


def _mode(session: Session, source: SyncSource) -> SyncMode:
    """Full where there is nothing to build on, or where that is too old."""
    if not source.is_incremental:
        return SyncMode.FULL
    before = _last_done(session, source)
    full = _last_done(session, source, full=True)
    if before is None or full is None or before.watermark is None:
        return SyncMode.FULL
    has_pages = session.scalars(select(SyncPage.id).where(SyncPage.run_id == full.id)).first()
    too_old = full.created_at <= now() - timedelta(days=source.full_every_days)
    return SyncMode.FULL if has_pages is None or too_old else SyncMode.INCREMENTAL


def _last_done(session: Session, source: SyncSource, *, full: bool = False) -> SyncRun | None:
    wanted = (
        select(SyncRun)
        .where(
            SyncRun.source == source.name,
            SyncRun.state == SyncState.DONE,
            SyncRun.dry_run.is_(False),
            SyncRun.fingerprint == source.fingerprint,
        )
        .order_by(SyncRun.id.desc())
        .limit(1)
    )
    if full:
        wanted = wanted.where(SyncRun.mode == SyncMode.FULL)
    return session.scalars(wanted).one_or_none()


def _take_over(session: Session, source: SyncSource, run: SyncRun) -> None:
    """Go on with what the last run had read before it was interrupted."""
    before = session.scalars(
        select(SyncRun)
        .where(SyncRun.source == source.name, SyncRun.id < run.id, SyncRun.dry_run.is_(False))
        .order_by(SyncRun.id.desc())
        .limit(1)
    ).one_or_none()
    if (
        before is None
        or before.state != SyncState.INTERRUPTED
        or before.fingerprint != source.fingerprint
        or before.created_at < now() - _STALE
        or (run.mode, before.mode) == (SyncMode.FULL, SyncMode.INCREMENTAL)
    ):
        return
    session.execute(update(SyncPage).where(SyncPage.run_id == before.id).values(run_id=run.id))
    run.mode, run.since, run.watermark = before.mode, before.since, before.watermark
    run.read_from, run.pages, run.records = before.read_from, before.pages, before.records


def _seen_up_to(session: Session, source: SyncSource, run: SyncRun) -> datetime | None:
    """The newest change that was seen, but nothing later than the beginning: while later pages
    were read, what earlier ones hold may have changed. Never before the last run's."""
    seen = [moment for moment in (run.watermark, run.read_from) if moment is not None]
    if run.watermark is None:
        seen = []
    before = _last_done(session, source) if run.mode == SyncMode.INCREMENTAL else None
    floor = [before.watermark] if before is not None and before.watermark else []
    reached = [min(seen)] if seen else []
    return max([*floor, *reached], default=None)


def _give_up_lost(session: Session, source: str) -> None:
    """Free the place of a run whose process died."""
    session.execute(
        update(SyncRun)
        .where(SyncRun.source == source, _lost(now()))
        .values(
            state=SyncState.INTERRUPTED,
            error="its process ended in the middle",
            finished_at=now(),
            lease_until=None,
        )
    )


def _lost(moment: datetime) -> ColumnElement[bool]:
    return and_(SyncRun.state == SyncState.RUNNING, SyncRun.lease_until < moment)


def _drop_pages(session: Session, run_id: int) -> None:
    session.execute(delete(SyncPage).where(SyncPage.run_id == run_id))
