"""Whether a suggestion helped: the next one is better for it."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth import Held, Responder
from api.record_work import load_records
from api.strict_route import StrictRoute
from api.uploads import DryRun, Partial, Uploads
from kb.feedback import record
from kb.loads import LoadReport
from kb.readers.raw import Section
from kb.schemas import FeedbackIn, FeedbackOut
from opsatlas.db.transaction import transaction

router = APIRouter(route_class=StrictRoute, prefix="/feedback", tags=["suggestions"])


@router.post("")
def post_feedback(body: FeedbackIn, held: Held, actor: Responder) -> FeedbackOut:
    """Keep what a suggestion did for an incident; said again, it replaces what you said before."""
    with transaction(held.engine) as session:
        return record(session, actor, body)


@router.post("/imports")
def load_feedback(
    files: Uploads, held: Held, actor: Responder, dry_run: DryRun = False, partial: Partial = False
) -> LoadReport:
    """Load feedback from files; what it names must be there already."""
    return load_records(files, held, actor, Section.FEEDBACK, dry_run=dry_run, partial=partial)
