"""Which articles took the place of others."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from kb.chunks import chunks
from kb.models import RecordKind, RecordLink
from kb.visibility import is_shown
from opsatlas.groups import UNGROUPED

_LONGEST = 10
"""Articles after each other that a chain is followed for; longer ones are a slip."""


def successors(
    session: Session, articles: Collection[str], groups: frozenset[str] | None = UNGROUPED
) -> dict[str, list[str]]:
    """By number, the articles that superseded each of `articles`, and those that superseded these.

    The numbers are those that were written down: such an article need not exist. Articles that a
    caller in `groups` may not read are left out, and the chain ends before them. One query where
    none is superseded, one more for each link of the longest chain.
    """
    found: dict[str, list[str]] = {}
    wanted = set(articles)
    for _ in range(_LONGEST):
        if not wanted:
            break
        for chunk in chunks(sorted(wanted)):
            rows = session.execute(
                select(RecordLink.from_number, RecordLink.to_number)
                .where(
                    RecordLink.from_kind == RecordKind.ARTICLE.value,
                    RecordLink.to_kind == RecordKind.ARTICLE.value,
                    RecordLink.from_number.in_(chunk),
                    is_shown(RecordLink.to_number, RecordKind.ARTICLE, groups),
                )
                .order_by(RecordLink.id)
            )
            for number, successor in rows:
                found.setdefault(number, []).append(successor)
        wanted = {each for number in wanted for each in found.get(number, ())} - found.keys()
    return found


def heir(
    number: str, superseded_by: Mapping[str, Sequence[str]], standing: Collection[str]
) -> str | None:
    """The article that stands in for `number` today: the last of its chain that is in `standing`.

    None where none is, or where the chain leads back to `number`.
    """
    found: str | None = None
    seen = {number}
    at = number
    while successor := next((each for each in superseded_by.get(at, ()) if each in standing), None):
        if successor in seen:
            return None
        seen.add(successor)
        found = at = successor
    return found
