"""Incidents without a known error that resemble each other are proposed as one problem."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from kb import records
from kb.nouns import INCIDENTS
from kb.problem_candidates import CandidatesQuestion, Found, problem_candidates
from kb.schemas import IncidentIn
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from search.embedder import Embedder
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.kb.builders import LONG_AGO, add_cis, log_incident, record_known_error

NOW = LONG_AGO + timedelta(days=30)
PRINTER = (
    ("Labels stop coming in hall 2", "zebra printer blinks, spooler queue labels-h2 is stuck"),
    ("Label printer silent again", "spooler queue labels-h2 stuck, zebra printer blinks red"),
    ("No labels at packing", "queue labels-h2 of the spooler is stuck, zebra printer blinking"),
)


@pytest.fixture
def retriever(engine: Engine, embedder: Embedder) -> Retriever:
    return Retriever(engine, embedder)


def _log_printers(engine: Engine, **more: Any) -> None:
    with transaction(engine) as session:
        for day, (title, text) in enumerate(PRINTER):
            opened = LONG_AGO + timedelta(days=day)
            log_incident(session, title, description=text, opened_at=opened, **more)


def _log_others(engine: Engine) -> None:
    with transaction(engine) as session:
        for title in ("VPN drops every hour", "Payroll run has no tax", "Mails land in spam"):
            log_incident(session, title, description=title, opened_at=LONG_AGO)


def _ask(engine: Engine, retriever: Retriever, **asked: Any) -> Found:
    groups = asked.pop("groups", None)
    question = CandidatesQuestion(**{"since": LONG_AGO} | asked)
    with reading(engine) as session:
        return problem_candidates(session, retriever.refresh(), question, NOW, groups)


def test_incidents_that_resemble_each_other_are_one_candidate_with_a_telling_name(
    engine: Engine, embedder: Embedder, retriever: Retriever
) -> None:
    with transaction(engine) as session:
        add_cis(session, "print-h2")
    _log_printers(engine, cis=["print-h2"], impact="high", urgency="medium")
    _log_others(engine)
    encode_missing(engine, embedder, batch_size=64)
    found = _ask(engine, retriever)
    (candidate,) = found.candidates
    assert [each.number for each in candidate.incidents] == ["INC-0003", "INC-0002", "INC-0001"]
    assert (candidate.count, found.considered, found.notices) == (3, 6, [])
    assert candidate.first_opened == LONG_AGO
    assert candidate.last_opened == LONG_AGO + timedelta(days=2)
    assert [(each.name, each.incidents) for each in candidate.cis] == [("print-h2", 3)]
    assert {"spooler", "zebra"} <= set(candidate.common_terms)
    assert candidate.name.endswith(" on print-h2")
    assert any(term in candidate.name for term in ("spooler", "zebra", "labels-h2", "printer"))
    assert candidate.impact == 3 * (6 - 2)
    assert 0 < candidate.recency < 0.5
    assert 0.3 <= candidate.cohesion <= 1.0
    assert "nobody wrote down what helped" in candidate.next_step


def test_without_vectors_candidates_come_from_words_alone_and_that_is_said(
    engine: Engine, retriever: Retriever
) -> None:
    _log_printers(engine)
    _log_others(engine)
    found = _ask(engine, retriever)
    assert [each.count for each in found.candidates] == [3]
    assert found.notices == ["not_encoded"]


def test_what_helped_before_is_the_next_step(engine: Engine, retriever: Retriever) -> None:
    _log_printers(engine)
    with transaction(engine) as session:
        log_incident(
            session,
            "Label printer dead",
            description="spooler queue labels-h2 stuck, zebra printer blinks",
            workaround="purge the queue",
            opened_at=LONG_AGO,
        )
    (candidate,) = _ask(engine, retriever).candidates
    assert "the workaround of INC-0004" in candidate.next_step


@pytest.mark.parametrize(
    "fields",
    [
        {"known_error": "KE-0001"},
        {"status": "cancelled"},
        {"status": "closed", "resolution_code": "duplicate"},
        {"visibility": ["payments"]},
    ],
    ids=["of a known error", "cancelled", "a duplicate", "restricted"],
)
def test_some_incidents_are_no_occurrence_of_an_unknown_problem(
    sqlite_engine: Engine, embedder: Embedder, fields: dict[str, Any]
) -> None:
    restricted = "visibility" in fields
    with transaction(sqlite_engine) as session:
        record_known_error(session)
        for title, text in PRINTER[1:]:
            log_incident(session, title, description=text, opened_at=LONG_AGO)
        title, text = PRINTER[0]
        if not restricted:
            log_incident(session, title, description=text, opened_at=LONG_AGO, **fields)
    if restricted:
        _log_restricted(sqlite_engine, title, text, fields["visibility"])
    retriever = Retriever(sqlite_engine, embedder)
    found = _ask(sqlite_engine, retriever, groups=frozenset())
    assert (found.candidates, found.considered) == ([], 2)
    if restricted:
        (whole,) = _ask(sqlite_engine, retriever, groups=frozenset(["payments"])).candidates
        assert whole.count == 3


def _log_restricted(engine: Engine, title: str, text: str, visibility: list[str]) -> None:
    given = IncidentIn(title=title, description=text, opened_at=LONG_AGO, visibility=visibility)
    with transaction(engine) as session:
        records.create(session, SYSTEM, INCIDENTS, [given])


def test_smaller_clusters_older_incidents_and_looser_ones_are_left_to_the_caller(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    _log_printers(sqlite_engine)
    retriever = Retriever(sqlite_engine, embedder)

    def counts(**asked: Any) -> list[int]:
        return [each.count for each in _ask(sqlite_engine, retriever, **asked).candidates]

    assert counts(min_incidents=4) == []
    assert counts(since=LONG_AGO + timedelta(days=1), min_incidents=2) == [2]
    assert counts(similarity=0.99, min_incidents=2) == []


def test_more_incidents_than_are_compared_are_said_to_be_left_out(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    _log_printers(sqlite_engine)
    retriever = Retriever(sqlite_engine, embedder)
    found = _ask(sqlite_engine, retriever, max_incidents=2, min_incidents=2)
    assert [each.number for each in found.candidates[0].incidents] == ["INC-0003", "INC-0002"]
    assert "incidents_left_out" in found.notices


def test_the_candidate_that_hurts_most_comes_first(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    _log_printers(sqlite_engine, impact="low", urgency="low")
    with transaction(sqlite_engine) as session:
        for day in range(3):
            log_incident(
                session,
                f"VPN drops every hour, day {day}",
                description="tunnel renegotiation fails for the home office",
                opened_at=LONG_AGO + timedelta(days=day),
                impact="high",
                urgency="high",
            )
    found = _ask(sqlite_engine, Retriever(sqlite_engine, embedder))
    assert [each.impact for each in found.candidates] == [15, 3]
    assert "tunnel" in found.candidates[0].common_terms
