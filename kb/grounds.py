"""What may be said of the suggestions of one answer, gathered for their sentences."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem
from kb.candidates import Candidate, Pool
from kb.deeds import deed
from kb.field_types import KnownErrorStatus
from kb.grouping import Group
from kb.models import RecordKind
from kb.proximity import Nearness
from kb.why import Place

Nearest = tuple[str, Nearness] | None
"""Name of the CI of a suggestion that is nearest to the question's, and how near it is."""


def places(session: Session, suggested: Iterable[tuple[Group, Nearest]]) -> list[Place | None]:
    """The nearest CI of each suggestion with its class, in one query."""
    found = [(nearest, _ci_id(group, nearest)) for group, nearest in suggested]
    ids = {ci_id for _, ci_id in found if ci_id is not None}
    classes: dict[int, str] = {}
    if ids:
        rows = session.execute(
            select(ConfigurationItem.id, ConfigurationItem.ci_class).where(
                ConfigurationItem.id.in_(ids)
            )
        )
        classes = {row.id: row.ci_class for row in rows}
    return [
        None
        if nearest is None
        else Place(
            nearest[0],
            classes.get(ci_id) if ci_id is not None else None,
            nearest[1].hops,
            nearest[1].closeness,
        )
        for nearest, ci_id in found
    ]


def last_seen(group: Group, pool: Pool) -> datetime | None:
    """When the newest incident that stands under a suggestion was opened."""
    opened = [member.opened_at for member in (group.head, *group.members)]
    opened.append(pool.last_seen.get(group.head.number))
    return max(filter(None, opened), default=None)


def deed_of(head: Candidate) -> str | None:
    """What was done where a suggestion helped; None where it may have been this or that.

    The fix of a known error that is not resolved is not in place: its workaround was what helped.
    """
    told: Sequence[str] = [text for text in (head.workaround, head.fix) if text]
    if head.kind is RecordKind.KNOWN_ERROR:
        told = told if head.status == KnownErrorStatus.RESOLVED else [head.workaround]
    return deed(told[0]) if len(told) == 1 else None


def _ci_id(group: Group, nearest: Nearest) -> int | None:
    if nearest is None:
        return None
    members = (group.head, *group.members)
    return next((each.cis[nearest[0]] for each in members if nearest[0] in each.cis), None)
