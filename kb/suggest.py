"""From what is seen to what has worked before: search evidence, weighed with graph and history."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cmdb.references import resolve
from cmdb.snapshots import DependencyGraph
from kb.candidates import Candidate, Pool, gather
from kb.confidence import Features, confidence, coverage, of_answer, verdict
from kb.grouping import Group, group
from kb.mentions import mentioned_cis
from kb.models import RecordKind
from kb.proximity import Nearness, nearest, nearness
from kb.steps import steps
from kb.suggest_schemas import (
    Evidence,
    NearestCI,
    Suggestion,
    SuggestionAnswer,
    SuggestionKind,
    SuggestionQuestion,
)
from kb.track_record import TrackRecord, track_records
from opsatlas.errors import InvalidInputError, TooLargeError
from search.fusion import Signal
from search.retriever import Hit, Retriever

TEXT_WEIGHT, GRAPH_WEIGHT, TRACK_WEIGHT = 0.80, 0.15, 0.05
"""What the order is by. Where the question has no CI that is known, the graph says nothing and the
other two share its weight. Text leads: the reporter's first guess at the CI is often wrong."""

HITS = 60
"""Documents that search hands over: enough for fifty suggestions with what stands behind them."""

_INCIDENTS_LISTED = 10
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Weighed:
    """A group with all that its place and its confidence follow from."""

    group: Group
    score: float
    features: Features
    by_meaning: bool
    """Whether meaning was compared, or words alone: no model yet, or not encoded yet."""
    confidence: float
    nearest_ci: tuple[str, Nearness] | None
    track: TrackRecord


@dataclass(frozen=True, slots=True)
class Weighing:
    """Everything that fits a question, best first."""

    weighed: list[Weighed]
    pool: Pool
    notices: list[str]


def suggest(
    session: Session,
    retriever: Retriever,
    graph: DependencyGraph,
    question: SuggestionQuestion,
    *,
    max_text: int = 100_000,
) -> SuggestionAnswer:
    """What has worked before for trouble like this, with its evidence, or an honest `no_match`.

    With `no_match` the nearest records are listed all the same, each with its low confidence.
    Raises UnresolvedCIError for CIs that are unknown or ambiguous, TooLargeError for a text of
    more than `max_text` characters (the setting `suggest_max_text`).
    """
    started = time.perf_counter()
    _check(question, max_text)
    weighing = weigh(session, retriever, graph, question)
    suggestions = [
        _suggestion(rank, each, weighing)
        for rank, each in enumerate(weighing.weighed[: question.limit], start=1)
    ]
    sure = of_answer([each.confidence for each in weighing.weighed])
    return SuggestionAnswer(
        verdict=verdict(sure),
        confidence=round(sure, _DECIMALS),
        suggestions=suggestions,
        notices=weighing.notices,
        took_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def weigh(
    session: Session, retriever: Retriever, graph: DependencyGraph, question: SuggestionQuestion
) -> Weighing:
    """All that search found for the question, grouped and weighed, best first."""
    given = resolve(session, question.cis, pointer="/cis", retired=True)
    retrieval = retriever.retrieve(question.text, kinds=_searched(question.kinds), limit=HITS)
    pool = gather(session, retrieval.hits)
    groups = group(pool, question.kinds)
    near = nearness(graph.snapshot, given, mentioned_cis(session, question.text))
    tracks = track_records(
        session, {each.head.number: [member.number for member in each.members] for each in groups}
    )
    weighing = Weighing([], pool, retrieval.notices)
    for each in groups:
        # Groups come best text first: the best of the others is the first or the second.
        rival = next((other for other in groups[:2] if other is not each), None)
        features = Features(
            semantic=max(hit.semantic for hit in each.hits),
            coverage=max(coverage(hit.lexical, len(hit.matched_terms)) for hit in each.hits),
            words=math.log1p(max(len(hit.matched_terms) for hit in each.hits)),
            margin=each.text_score - (rival.text_score if rival else 0.0),
        )
        by_meaning = any(hit.signals[Signal.SEMANTIC] is not None for hit in each.hits)
        track = tracks[each.head.number]
        place = _nearest(near, each)
        closeness = place[1].closeness if place else 0.0
        weighing.weighed.append(
            Weighed(
                each,
                _score(each.text_score, closeness if near else None, track.mean),
                features,
                by_meaning,
                confidence(features, with_model=by_meaning),
                place,
                track,
            )
        )
    weighing.weighed.sort(key=lambda each: -each.score)
    return weighing


def _searched(kinds: Sequence[SuggestionKind]) -> list[str]:
    """The kinds that search looks through: incidents speak for their known errors."""
    searched = {kind.value for kind in kinds}
    if SuggestionKind.KNOWN_ERROR in kinds:
        searched.add(RecordKind.INCIDENT)
    return sorted(searched)


def _score(text: float, graph: float | None, track: float) -> float:
    if graph is None:
        return (TEXT_WEIGHT * text + TRACK_WEIGHT * track) / (TEXT_WEIGHT + TRACK_WEIGHT)
    return TEXT_WEIGHT * text + GRAPH_WEIGHT * graph + TRACK_WEIGHT * track


def _nearest(near: Mapping[int, Nearness], each: Group) -> tuple[str, Nearness] | None:
    """The CI of the group that is nearest to those of the question."""
    found = [nearest(near, member.cis) for member in (each.head, *each.members)]
    return max(filter(None, found), key=lambda place: place[1].closeness, default=None)


def _suggestion(rank: int, each: Weighed, weighing: Weighing) -> Suggestion:
    head, best = each.group.head, each.group.hits[0]
    return Suggestion(
        rank=rank,
        kind=SuggestionKind(head.kind.value),
        id=head.number,
        title=head.title,
        workaround=_instructions(head, best) if head.body else head.workaround,
        fix=head.fix,
        excerpt=best.excerpt,
        score=round(each.score, _DECIMALS),
        confidence=round(each.confidence, _DECIMALS),
        evidence=Evidence(
            semantic=round(each.features.semantic, _DECIMALS) if each.by_meaning else None,
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
        ),
        incidents=_incidents(each.group, weighing.pool),
    )


def _instructions(article: Candidate, hit: Hit) -> str:
    return steps(article.body, hit.matched_terms) or hit.excerpt


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
