"""What search found for a question, grouped by trouble and weighed with graph and history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from cmdb.references import resolve
from cmdb.snapshots import DependencyGraph
from kb.candidates import Candidate, Pool, gather
from kb.closures import Closures
from kb.confidence import Basis, Features, basis, confidence, coverage, keys_found
from kb.diversity import diverse
from kb.grouping import Group, group
from kb.mentions import mentioned_cis
from kb.models import RecordKind
from kb.proximity import Nearness, nearest, nearness
from kb.silence import is_crowded, silent_documents
from kb.suggest_schemas import (
    Caveat,
    SuggestionKind,
    SuggestionQuestion,
)
from kb.track_record import TrackRecord, track_records
from kb.validity import caveats, factor
from kb.vouching import links_between, vouched
from opsatlas.clock import now
from opsatlas.groups import UNGROUPED
from search.fusion import Signal
from search.log_digest import as_read
from search.retriever import Retrieval, Retriever

TEXT_WEIGHT, GRAPH_WEIGHT, TRACK_WEIGHT = 0.80, 0.15, 0.05
"""What the order is by. Where the question has no CI that is known, the graph says nothing and the
other two share its weight. Text leads: the reporter's first guess at the CI is often wrong."""

HITS = 60
"""Documents that search hands over: enough for fifty suggestions with what stands behind them."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A group with all that its place and its confidence follow from."""

    group: Group
    score: float
    features: Features
    founded_on: Basis
    """Whether meaning was compared, or words alone: no model yet, or not encoded yet."""
    confidence: float
    nearest_ci: tuple[str, Nearness] | None
    track: TrackRecord
    caveats: list[Caveat]


@dataclass(frozen=True, slots=True)
class Weighing:
    """Everything that fits a question, best first."""

    weighed: list[Weighed]
    pool: Pool
    notices: list[str]
    retrieval: Retrieval
    near: Mapping[int, Nearness]
    """The CIs near the question's."""


def weigh(
    session: Session,
    retriever: Retriever,
    graph: DependencyGraph,
    question: SuggestionQuestion,
    at: datetime | None = None,
    caller_groups: frozenset[str] | None = UNGROUPED,
    closures: Closures | None = None,
) -> Weighing:
    """All that search found for the question, grouped and weighed, best first; ages from `at`."""
    given = resolve(session, question.cis, pointer="/cis", retired=True)
    at = at or now()
    near = nearness(graph.snapshot, given, mentioned_cis(session, as_read(question.text)[0]))
    retrieval, pool = _find(session, retriever, question, caller_groups)
    found = group(pool, question.kinds, lambda each: _closeness(near, each))
    groups = vouched(found, links_between(session, [each.head for each in found]))
    tracks = track_records(
        session,
        {each.head.number: [member.number for member in each.members] for each in groups},
        at,
        caller_groups,
        closures,
    )
    doubts = caveats(session, [each.head for each in groups])
    query = retrieval.question.whole
    weighing = Weighing([], pool, retrieval.notices, retrieval, near)
    for each in groups:
        # Groups come best text first: the best of the others is the first or the second.
        rival = next((other for other in groups[:2] if other is not each), None)
        close = each.hits[0].close
        features = Features(
            semantic=max(hit.semantic for hit in each.hits),
            coverage=max(coverage(hit.lexical, len(hit.matched_terms)) for hit in each.hits),
            words=math.log1p(max(len(hit.matched_terms) for hit in each.hits)),
            margin=each.text_score - (rival.text_score if rival else 0.0),
            found=max(len(hit.matched_terms) for hit in each.hits) / max(query.distinct, 1),
            keys=keys_found(query.keys, {word for hit in each.hits for word in hit.matched_terms}),
            met=None if close is None else close.words_met,
            share_met=None if close is None else close.share_met,
            title_met=None if close is None else close.title_met,
        )
        by_meaning = any(hit.signals[Signal.SEMANTIC] is not None for hit in each.hits)
        founded_on = basis(features, by_meaning=by_meaning)
        track = tracks[each.head.number]
        place = _nearest(near, each)
        closeness = place[1].closeness if place else 0.0
        weighing.weighed.append(
            Weighed(
                each,
                _score(each.text_score, closeness if near else None, track.mean)
                * factor(doubts[each.head.number]),
                features,
                founded_on,
                confidence(features, founded_on),
                place,
                track,
                doubts[each.head.number],
            )
        )
    weighing.weighed.sort(key=lambda each: -each.score)
    weighing.weighed[:] = diverse(weighing.weighed, lambda each: each.score, _told)
    return weighing


def _find(
    session: Session,
    retriever: Retriever,
    question: SuggestionQuestion,
    caller_groups: frozenset[str] | None,
) -> tuple[Retrieval, Pool]:
    """What search finds for the question; where most of that says nothing, what it finds else."""
    kinds = _searched(question.kinds)
    ask = partial(
        retriever.retrieve,
        question.text,
        kinds=kinds,
        groups=caller_groups,
        limit=HITS,
        session=session,
    )
    found = ask()
    pool = gather(session, found.hits, caller_groups)
    if len(found.hits) < HITS or not is_crowded(pool):
        return found, pool
    found = ask(but=silent_documents(session, caller_groups))
    return found, gather(session, found.hits, caller_groups)


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


def _told(each: Weighed) -> str:
    """What a suggestion says of its cause and what to do."""
    head = each.group.head
    return "\n".join((head.title, head.workaround, head.fix, head.body))


def _closeness(near: Mapping[int, Nearness], each: Candidate) -> float:
    place = nearest(near, each.cis)
    return place[1].closeness if place else 0.0


def _nearest(near: Mapping[int, Nearness], each: Group) -> tuple[str, Nearness] | None:
    """The CI of the group that is nearest to those of the question."""
    found = [nearest(near, member.cis) for member in (each.head, *each.members)]
    return max(filter(None, found), key=lambda place: place[1].closeness, default=None)
