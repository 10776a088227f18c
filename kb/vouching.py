"""An article and the known error that it is about vouch for each other.

They are about one fault in different words: where a question finds one of them, the other helps as
well, though it may share no word with the question.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from kb.candidates import Candidate
from kb.grouping import Group
from kb.models import RecordKind, RecordLink

VOUCHED = 0.9
"""Share of its text score that a record lends to the one that it is linked with. On 150 judged
questions .85 to 1.0 do alike (docs/quality.md); less than 1 keeps what was found itself before."""


def links_between(session: Session, candidates: Iterable[Candidate]) -> list[tuple[str, str]]:
    """(article, known error) for each link of which both are among the candidates."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for each in candidates:
        numbers[each.kind].add(each.number)
    articles, known_errors = numbers[RecordKind.ARTICLE], numbers[RecordKind.KNOWN_ERROR]
    if not articles or not known_errors:
        return []
    rows = session.execute(
        select(RecordLink.from_number, RecordLink.to_number).where(
            RecordLink.from_kind == RecordKind.ARTICLE.value,
            RecordLink.to_kind == RecordKind.KNOWN_ERROR.value,
            RecordLink.from_number.in_(articles),
        )
    )
    return [(row.from_number, row.to_number) for row in rows if row.to_number in known_errors]


def vouched(groups: Sequence[Group], links: Iterable[tuple[str, str]]) -> list[Group]:
    """The groups with what others lend them, best first. What was lent is not lent on."""
    own = {each.head.number: each.text_score for each in groups}
    lent = dict.fromkeys(own, 0.0)
    for article, known_error in links:
        lent[article] = max(lent[article], VOUCHED * own[known_error])
        lent[known_error] = max(lent[known_error], VOUCHED * own[article])
    better = [replace(each, lent=lent[each.head.number]) for each in groups]
    return sorted(better, key=lambda each: -each.text_score)
