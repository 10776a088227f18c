"""From what is seen to what has worked before: search evidence, weighed with graph and history."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cmdb.snapshots import DependencyGraph
from kb.candidates import Pool, add_incidents
from kb.closures import Closures
from kb.confidence import Basis, of_answer, verdict
from kb.duplicates import DEFAULT_POLICY, DuplicatePolicy, duplicates_of, open_lately
from kb.grounds import deed_of, last_seen, places
from kb.grouping import Group
from kb.models import RecordKind
from kb.monotone import falling
from kb.steps import steps
from kb.suggest_schemas import (
    Evidence,
    NearestCI,
    Suggestion,
    SuggestionAnswer,
    SuggestionKind,
    SuggestionQuestion,
)
from kb.weighing import Weighed, Weighing, weigh
from kb.why import Grounds, Place, why
from opsatlas.clock import now
from opsatlas.errors import InvalidInputError, TooLargeError
from opsatlas.groups import UNGROUPED
from search.excerpt import excerpts
from search.highlights import highlights
from search.log_digest import as_read
from search.query import understand
from search.retriever import Retriever

_INCIDENTS_LISTED = 10
_DECIMALS = 3


def suggest(
    session: Session,
    retriever: Retriever,
    graph: DependencyGraph,
    question: SuggestionQuestion,
    groups: frozenset[str] | None = UNGROUPED,
    *,
    max_text: int = 100_000,
    at: datetime | None = None,
    duplicates: DuplicatePolicy = DEFAULT_POLICY,
    closures: Closures | None = None,
) -> SuggestionAnswer:
    """What has worked before for trouble like this, with its evidence, or an honest `no_match`.

    All of it is made of what a caller in `groups` (None: one who reads all) may read. With
    `no_match` the nearest records are listed all the same, each with its low confidence.
    Ages count from `at`, by default now; `closures` spares reading how incidents were closed.
    Raises UnresolvedCIError for CIs that are unknown or ambiguous, TooLargeError for a text of
    more than `max_text` characters (the setting `suggest_max_text`).
    """
    started = time.perf_counter()
    _check(question, max_text)
    at = at or now()
    retriever.expect(question.text)
    opened = open_lately(session, at, duplicates, groups)
    weighing = weigh(session, retriever, graph, question, at, groups, closures)
    shown = weighing.weighed[: question.limit]
    heads = [each.group.head for each in shown]
    known_errors = [head.number for head in heads if head.kind is RecordKind.KNOWN_ERROR]
    add_incidents(session, weighing.pool, known_errors, _INCIDENTS_LISTED, groups)
    asked, _ = as_read(question.text)
    keys = understand(asked).keys
    near = places(session, [(each.group, each.nearest_ci) for each in shown])
    likely = falling([each.confidence for each in weighing.weighed])[: question.limit]
    told = excerpts(session, [each.group.hits[0] for each in shown])
    suggestions = [
        _suggestion(rank, each, weighing, _About(keys, place, excerpt, at), sure)
        for rank, (each, sure, place, excerpt) in enumerate(
            zip(shown, likely, near, told, strict=True), 1
        )
    ]
    open_ones = duplicates_of(
        session,
        opened,
        weighing.retrieval,
        asked,
        weighing.near,
        at,
        but=question.incident,
        groups=groups,
    )
    sure = of_answer(
        [each.confidence for each in weighing.weighed],
        max((each.founded_on for each in weighing.weighed), default=Basis.WORDS_ONLY),
    )
    return SuggestionAnswer(
        verdict=verdict(sure),
        confidence=round(sure, _DECIMALS),
        suggestions=suggestions,
        duplicates=open_ones.listed,
        duplicate_of=open_ones.original,
        notices=weighing.notices,
        took_ms=round((time.perf_counter() - started) * 1000, 1),
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What a suggestion is told by, beside itself."""

    keys: Sequence[str]
    place: Place | None
    excerpt: str
    at: datetime


def _suggestion(
    rank: int, each: Weighed, weighing: Weighing, about: _About, confidence: float
) -> Suggestion:
    head, best = each.group.head, each.group.hits[0]
    by_meaning = each.founded_on is not Basis.WORDS_ONLY
    semantic = round(each.features.semantic, _DECIMALS) if by_meaning else None
    seen = last_seen(each.group, weighing.pool)
    grounds = Grounds(
        keys=about.keys,
        words=best.matched_terms,
        semantic=semantic,
        place=about.place,
        last_seen=seen,
        solved=each.track.solved,
        not_helped=each.track.not_helped,
        deed=deed_of(head),
    )
    return Suggestion(
        rank=rank,
        kind=SuggestionKind(head.kind.value),
        id=head.number,
        title=head.title,
        workaround=steps(head.body, best.matched_terms) or about.excerpt
        if head.body
        else head.workaround,
        fix=head.fix,
        excerpt=about.excerpt,
        highlights=highlights(about.excerpt, best.matched_terms),
        why=why(grounds, about.at),
        score=round(each.score, _DECIMALS),
        confidence=round(confidence, _DECIMALS),
        evidence=Evidence(
            semantic=semantic,
            lexical=round(max(hit.lexical for hit in each.group.hits), _DECIMALS),
            graph=each.nearest_ci[1].closeness if each.nearest_ci else 0.0,
            track_record=round(each.track.mean, _DECIMALS),
            matched_terms=best.matched_terms,
            nearest_ci=NearestCI(name=each.nearest_ci[0], hops=each.nearest_ci[1].hops)
            if each.nearest_ci
            else None,
            solved=each.track.solved,
            not_helped=each.track.not_helped,
            last_used=each.track.last_used,
            last_seen=seen,
            caveats=each.caveats,
        ),
        incidents=_incidents(each.group, weighing.pool),
    )


def _incidents(each: Group, pool: Pool) -> list[str]:
    """Incidents of the same trouble: those that search found, then the newest others."""
    found = [member.number for member in each.members if member.kind is RecordKind.INCIDENT]
    others = pool.incidents.get(each.head.number, [])
    numbers = [number for number in (*found, *others) if number != each.head.number]
    return list(dict.fromkeys(numbers))[:_INCIDENTS_LISTED]


def _check(question: SuggestionQuestion, max_text: int) -> None:
    if not question.text.strip():
        raise InvalidInputError("the text is blank", hint="say what is seen: an error, an alert")
    if len(question.text) > max_text:
        raise TooLargeError(
            f"the text has {len(question.text):,} characters, at most {max_text:,} are taken",
            hint="the message, its first lines and the error are enough",
        )
