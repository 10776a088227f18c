"""From symptoms in a caller's words to suspects in names, with what the records know of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy.orm import Session

from cmdb.graph import Indices
from cmdb.impact import State
from cmdb.references import CIReference, resolve
from cmdb.snapshots import DependencyGraph, GraphCache
from cmdb.suspect_candidates import candidates
from cmdb.suspect_checks import next_checks
from cmdb.suspect_evidence import Evidence
from cmdb.suspects import Budget, rank
from kb.suspect_history import history_of, window
from kb.suspect_schemas import StatedSymptom, SuspectsAnswer, SuspectsQuestion, Symptom
from kb.suspect_telling import told
from opsatlas import clock
from opsatlas.errors import ErrorItem, InvalidInputError
from opsatlas.groups import UNGROUPED

_STATES = {"down": State.DOWN, "degraded": State.DEGRADED}


class SymptomIsHealthyError(InvalidInputError):
    """A CI is named as a symptom and as healthy."""

    code = "symptom_is_healthy"


def answer_suspects(
    session: Session,
    cache: GraphCache,
    question: SuspectsQuestion,
    budget: Budget,
    groups: frozenset[str] | None = UNGROUPED,
) -> SuspectsAnswer:
    """Which CIs, failed, would explain the symptoms and not touch what is healthy.

    Past incidents count where a caller in `groups` may read them.

    Raises UnresolvedCIError for CIs that do not exist, are ambiguous or retired, and
    SymptomIsHealthyError.
    """
    started = time.perf_counter()
    graph = cache.current(session)
    symptoms = _resolved(session, question.symptoms)
    healthy = resolve(session, question.healthy, pointer="/healthy")
    _check(symptoms, healthy)
    snapshot = graph.snapshot
    seen = {snapshot.index_of(ci_id): state for ci_id, state in symptoms.items()}
    found = candidates(snapshot, seen, budget.candidates)
    since, to = window(clock.now(), question.window_hours)
    ids = {int(snapshot.ids[index]): index for index in found.covers}
    history = history_of(session, ids, since, to, groups)
    evidence = Evidence(
        symptoms=seen,
        healthy=frozenset(snapshot.index_of(ci_id) for ci_id in healthy),
        observed=_services(graph),
        weights={ids[ci_id]: weight for ci_id, weight in history.weights.items()},
        size=len(snapshot.ids),
    )
    ranking = rank(snapshot, evidence, found, question.limit, budget)
    checks = next_checks(ranking.explanations, {*seen, *evidence.healthy}, evidence.observed)
    answer = told(session, cache, ranking, checks, history, question.limit)
    answer.graph_version = graph.revision
    answer.took_ms = round((time.perf_counter() - started) * 1000, 2)
    return answer


def _resolved(session: Session, symptoms: Sequence[Symptom]) -> dict[int, State | None]:
    """The CIs by id, in the order named; one that is named twice has the worse state."""
    references: list[CIReference] = [
        each.ci if isinstance(each, StatedSymptom) else each for each in symptoms
    ]
    states = [_STATES[s.state] if isinstance(s, StatedSymptom) else None for s in symptoms]
    found: dict[int, State | None] = {}
    for ci_id, state in zip(resolve(session, references, pointer="/symptoms"), states, strict=True):
        known = found.get(ci_id)
        found[ci_id] = state if known is None else max(known, state or known)
    return found


def _check(symptoms: Mapping[int, State | None], healthy: Iterable[int]) -> None:
    places = [place for place, ci_id in enumerate(healthy) if ci_id in symptoms]
    if places:
        raise SymptomIsHealthyError(
            "a CI is named both as a symptom and as healthy",
            hint="say of each CI one of the two",
            errors=[ErrorItem(f"/healthy/{place}", "it is a symptom too") for place in places],
        )


def _services(graph: DependencyGraph) -> Indices:
    """Indices of the services, ascending: who would be reported if something were wrong."""
    services = np.searchsorted(graph.snapshot.ids, graph.service_ids)
    return services.astype(np.int32)
