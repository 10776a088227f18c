"""Inventory as the knowledge base takes part in it: records that were waiting for a CI find it."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cmdb.items import create_cis
from cmdb.load import ParsedInput, load_parsed
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.load_progress import Progress, untold
from cmdb.models import ImportState
from cmdb.schemas import CIIn, CIOut, ImportReport
from kb.affected import link_unresolved
from opsatlas.actor import Actor


def load_inventory(
    session: Session,
    parsed: ParsedInput,
    options: LoadOptions,
    actor: Actor,
    limits: LoadLimits,
    *,
    run_id: int | None = None,
    progress: Progress = untold,
) -> ImportReport:
    """`cmdb.load.load_parsed`, then the names in records are linked that fit a CI now."""
    report = load_parsed(session, parsed, options, actor, limits, run_id=run_id, progress=progress)
    if not options.dry_run and report.state == ImportState.DONE:
        link_unresolved(session)
    return report


def add_cis(
    session: Session, items: Sequence[CIIn], actor: Actor, *, single: bool, revision_keep: int
) -> list[CIOut]:
    """`cmdb.items.create_cis`, then the names in records are linked that fit a CI now."""
    created = create_cis(session, items, actor, single=single, revision_keep=revision_keep)
    link_unresolved(session)
    return created
