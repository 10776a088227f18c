"""Merging CIs as the knowledge base takes part in it: records about both are about the one."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb import merge as inventory
from cmdb import unmerge
from cmdb.merge_journal import journal_of
from cmdb.merge_schemas import MergeReport, UnmergeReport
from kb.affected import give_back_links, move_links
from kb.models import AffectedCI
from opsatlas.actor import Actor


def preview_merge(session: Session, loser_id: int, winner_id: int) -> MergeReport:
    """What `merge_cis` would do. Raises as that does."""
    report = inventory.preview(session, loser_id, winner_id)
    about = select(func.count()).where(AffectedCI.ci_id == loser_id)
    return report.model_copy(update={"records": session.scalar(about) or 0})


def merge_cis(
    session: Session, loser_id: int, winner_id: int, actor: Actor, *, revision_keep: int
) -> MergeReport:
    """`cmdb.merge.merge`, then the records about the loser are about the winner. Raises as that."""
    report = inventory.merge(session, loser_id, winner_id, actor, revision_keep=revision_keep)
    if report.id is None:
        return report
    links = move_links(session, loser_id, winner_id)
    row = unmerge.stored_merge(session, report.id)
    row.moved = {**row.moved, "links": links}
    session.flush()
    return report.model_copy(update={"records": len(links)})


def unmerge_cis(
    session: Session, merge_id: int, actor: Actor, *, revision_keep: int
) -> UnmergeReport:
    """`cmdb.unmerge.unmerge`, then the records that were about the loser are so again.

    Raises as that does.
    """
    report = unmerge.unmerge(session, merge_id, actor, revision_keep=revision_keep)
    row = unmerge.stored_merge(session, merge_id)
    back = give_back_links(session, journal_of(row).links, row.winner_id, row.loser_id)
    return report.model_copy(update={"records": back})
