"""Feedback counts the next moment, and one actor has one voice."""

import pytest
from sqlalchemy import Engine, select

from kb.feedback import NoSuchSuggestionError, record
from kb.models import Feedback, Outcome
from kb.schemas import FeedbackIn, FeedbackOut
from opsatlas.actor import Actor, Role
from opsatlas.audit import AuditEntry
from opsatlas.db.transaction import transaction
from tests.kb.builders import ALICE, BOB, count, log_incident, record_known_error

CAROL = Actor("carol", Role.RESPONDER)


def _say(
    engine: Engine, actor: Actor, outcome: Outcome, incident: str = "INC-0201", on: str = "KE-0001"
) -> FeedbackOut:
    with transaction(engine) as session:
        given = FeedbackIn(suggestion=on, incident=incident, outcome=outcome)
        return record(session, actor, given)


@pytest.fixture(autouse=True)
def known_error(engine: Engine) -> None:
    """KE-0001, of which nothing is known yet."""
    with transaction(engine) as session:
        record_known_error(session)


def test_each_outcome_moves_the_track_record_at_once(engine: Engine) -> None:
    assert _say(engine, ALICE, Outcome.RESOLVED, "INC-1").track_record == pytest.approx(2 / 3)
    assert _say(engine, BOB, Outcome.HELPED, "INC-2").track_record == pytest.approx(2.5 / 3.5)
    after = _say(engine, CAROL, Outcome.NOT_HELPED, "INC-3")
    assert after.track_record == pytest.approx(2.5 / 4.5)
    assert (after.solved, after.not_helped) == (2, 1)


def test_a_second_word_of_the_same_actor_replaces_the_first(engine: Engine) -> None:
    for _ in range(5):
        _say(engine, ALICE, Outcome.RESOLVED)
    last = _say(engine, ALICE, Outcome.NOT_HELPED)
    assert last.track_record == pytest.approx(1 / 3)
    assert (last.solved, last.not_helped) == (0, 1)
    with transaction(engine) as session:
        assert count(session, Feedback) == 1
        before = session.scalars(select(AuditEntry.before).order_by(AuditEntry.id.desc())).first()
        assert before is not None
        assert before["outcome"] == "resolved"


def test_one_actor_who_invents_incidents_is_worth_four_trials_at_most(engine: Engine) -> None:
    for number in range(30):
        last = _say(engine, ALICE, Outcome.NOT_HELPED, f"MADE-UP-{number}")
    assert last.not_helped == 30
    assert 1 / (2 + 4) < last.track_record < 0.2


def test_two_actors_on_one_incident_share_one_trial(engine: Engine) -> None:
    _say(engine, ALICE, Outcome.RESOLVED)
    assert _say(engine, BOB, Outcome.NOT_HELPED).track_record == pytest.approx(1.5 / 3)


def test_an_incident_closed_under_a_known_error_counts_until_somebody_speaks(
    engine: Engine,
) -> None:
    with transaction(engine) as session:
        for code in ("fixed", "workaround", "not_solved"):
            log_incident(session, known_error="KE-0001", status="closed", resolution_code=code)
    after = _say(engine, ALICE, Outcome.NOT_HELPED, "INC-0001")
    assert (after.solved, after.not_helped) == (1, 1)
    assert after.track_record == pytest.approx(2 / 4)


def test_feedback_on_an_unknown_suggestion_is_refused(engine: Engine) -> None:
    with pytest.raises(NoSuchSuggestionError) as raised:
        _say(engine, ALICE, Outcome.RESOLVED, on="KE-9999")
    assert raised.value.errors[0].pointer == "/suggestion"
