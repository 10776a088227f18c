"""Import runs: listed, looked up, and queued for the background with the files they wait for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from cmdb.importers.records import InputFile
from cmdb.load_options import LoadOptions
from cmdb.models import ImportFile, ImportRun, ImportState
from cmdb.plan import Missing
from cmdb.schemas import Counts, ImportReport, LoadProgress
from cmdb.source_mappings import AdminMapping
from opsatlas.actor import Actor
from opsatlas.clock import now
from opsatlas.db.listing import ListQuery, Page, field_columns, list_page
from opsatlas.errors import NotFoundError

LIST_COLUMNS = field_columns(ImportRun, without=("options", "report", "progress"))
"""What a list of import runs can be filtered and ordered by."""


def list_runs(session: Session, query: ListQuery) -> Page[ImportRun]:
    """One page of the import runs, the newest first. Raises InvalidListQueryError."""
    return list_page(session, ImportRun, LIST_COLUMNS, query, default_ordering=("-id",))


def get_run(session: Session, run_id: int) -> ImportRun:
    """One import run. Raises NotFoundError."""
    found = session.get(ImportRun, run_id)
    if found is None:
        raise NotFoundError(f"there is no import {run_id}")
    return found


def report_of(run: ImportRun) -> ImportReport:
    """The report of a run; one that has not ended counts nothing yet."""
    if run.report is not None:
        return ImportReport.model_validate(run.report)
    return ImportReport(
        id=run.id,
        state=run.state,
        source=run.source,
        format=run.format,
        dry_run=run.dry_run,
        configuration_items=Counts(),
        relationships=Counts(),
        problems=[],
        progress=None if run.progress is None else LoadProgress.model_validate(run.progress),
        took_ms=0,
    )


def queue_run(
    session: Session, files: Sequence[InputFile], options: LoadOptions, actor: Actor
) -> ImportRun:
    """Keep `files` until a job loads them; returns their run, which is `queued`."""
    run = ImportRun(
        state=ImportState.QUEUED,
        source=options.source,
        format=options.format,
        dry_run=options.dry_run,
        options=options.kept(),
        report=None,
        actor=actor.name,
        created_at=now(),
        finished_at=None,
    )
    session.add(run)
    session.flush()
    rows: list[dict[str, Any]] = [
        {"run_id": run.id, "name": file.name, "content": file.content} for file in files
    ]
    session.execute(insert(ImportFile), rows)
    return run


def files_of(session: Session, run_id: int) -> list[InputFile]:
    """The files that a queued run waits with, in the order in which they came."""
    rows = session.execute(
        select(ImportFile.name, ImportFile.content)
        .where(ImportFile.run_id == run_id)
        .order_by(ImportFile.id)
    )
    return [InputFile(row.name, row.content) for row in rows]


def options_of(run: ImportRun) -> LoadOptions:
    """The options with which a run was queued."""
    own = run.options.get("mapping")
    return LoadOptions(
        source=run.source,
        format=run.format,
        dry_run=run.dry_run,
        missing=Missing(run.options["missing"]),
        partial=run.options["partial"],
        mapping=None if own is None else AdminMapping.from_json(own),
        choices=run.options.get("choices", {}),
        expected_plan=run.options.get("expected_plan", ""),
    )


def end_run(session: Session, run: ImportRun, report: ImportReport) -> None:
    """Keep the report of a run that was queued, and let its files go."""
    run.state, run.source = report.state, report.source
    run.report = report.model_copy(update={"id": run.id, "progress": None}).model_dump(mode="json")
    run.finished_at, run.progress = now(), None
    session.execute(delete(ImportFile).where(ImportFile.run_id == run.id))
