"""What a suggestion says, asked of a small history with the real model, on both databases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from cmdb.references import UnresolvedCIError
from cmdb.snapshots import build
from kb import records
from kb.feedback import record
from kb.models import Outcome
from kb.nouns import ARTICLES, INCIDENTS
from kb.schemas import ArticleIn, FeedbackIn, IncidentPatch
from kb.suggest import suggest
from kb.suggest_schemas import NearestCI, Suggestion, SuggestionAnswer, SuggestionQuestion, Verdict
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError, TooLargeError
from search.embedder import Embedder, ModelWarmingUpError, Vectors
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.cmdb.rows import put_relationship
from tests.kb.builders import ALICE, BOB, add_cis, log_incident, record_known_error

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""When the questions are asked: right after the last incident of the known error."""


class _WarmingUp:
    """The model's stand-in while it is being loaded."""

    def __init__(self, like: Embedder) -> None:
        self.model_id, self.dimensions = like.model_id, like.dimensions

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise ModelWarmingUpError("still loading")

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


@dataclass
class History:
    """A small company's history and everything that answers questions about it."""

    engine: Engine
    embedder: Embedder
    retriever: Retriever
    cold: Retriever

    def ask(self, text: str, *, cold: bool = False, **asked: Any) -> SuggestionAnswer:
        question = SuggestionQuestion.model_validate({"text": text} | asked)
        retriever = self.cold if cold else self.retriever
        with reading(self.engine) as session:
            return suggest(session, retriever, build(session), question, at=AT)

    def encode(self) -> None:
        encode_missing(self.engine, self.embedder, batch_size=64)


def _fill(engine: Engine) -> None:
    with transaction(engine) as session:
        ids = add_cis(session, "db-orders-01", "orders-api", "Checkout", "till-07", "mail-01")
        put_relationship(session, ids["orders-api"], ids["db-orders-01"])
        put_relationship(session, ids["Checkout"], ids["orders-api"])
        record_known_error(
            session,
            "Orders database runs out of connections",
            description="Idle transactions hold every connection of the pool.",
            symptoms="checkout answers 502, too many clients already",
            workaround="Terminate idle transactions: select pg_terminate_backend(pid)",
            fix="Set idle_in_transaction_session_timeout",
            cis=["db-orders-01"],
        )
        for title, day in (("Customers cannot pay", 1), ("502 on checkout, pool exhausted", 2)):
            log_incident(
                session,
                title,
                description="HikariPool-1 - Connection is not available, request timed out",
                known_error="KE-0001",
                workaround="killed idle transactions",
                status="closed",
                resolution_code="workaround",
                opened_at=f"2026-03-0{day}T10:00:00Z",
                resolved_at=f"2026-03-0{day}T12:00:00Z",
                cis=["orders-api"],
            )
        log_incident(
            session,
            "Till 7 prints no receipts",
            description="the receipt printer blinks red, paper is in",
            workaround="Switch the printer off, hold the feed button, switch it on",
            resolution="Printer head replaced by the technician",
            status="closed",
            resolution_code="fixed",
            cis=["till-07"],
        )
        log_incident(session, "Receipt printer of till 9 is silent", description="no receipts")
        log_incident(
            session,
            "No receipts at till 3",
            description="same as the other till, receipt printer blinks",
            resolution="Duplicate of INC-0003, closed with it",
            status="closed",
            resolution_code="duplicate",
        )
        log_incident(
            session,
            "Mails are late",
            description="queue of the mail relay grows, deferred: greylisted",
            workaround="Flush the queue with postqueue -f once the list is clean",
            status="closed",
            resolution_code="workaround",
            cis=["mail-01"],
        )
        article = ArticleIn(
            title="Runbook: connections of the orders database",
            known_errors=["KE-0001"],
            cis=["db-orders-01"],
            body="## What it looks like\nCheckout fails with 502.\n\n## Steps\n1. `psql orders`\n"
            "2. Terminate idle transactions.\n\n## Escalation\nDatabase team.",
        )
        records.create(session, ALICE, ARTICLES, [article])


@pytest.fixture
def history(engine: Engine, embedder: Embedder) -> History:
    """One known error with two incidents and a runbook, and three incidents of their own."""
    _fill(engine)
    found = History(
        engine, embedder, Retriever(engine, embedder), Retriever(engine, _WarmingUp(embedder))
    )
    found.encode()
    return found


def _numbers(answer: SuggestionAnswer) -> list[str]:
    return [each.id for each in answer.suggestions]


def _one(answer: SuggestionAnswer, number: str) -> Suggestion:
    return next(each for each in answer.suggestions if each.id == number)


OUTAGE = "shop shows 502 when paying, postgres says too many clients already, pool exhausted"


def test_the_known_error_is_on_top_with_its_incidents_folded_in(history: History) -> None:
    answer = history.ask(OUTAGE, cis=["db-orders-01"])
    top = answer.suggestions[0]
    assert (answer.verdict, top.kind.value, top.id) == (Verdict.MATCH, "known_error", "KE-0001")
    assert set(top.incidents) == {"INC-0001", "INC-0002"}
    assert not {"INC-0001", "INC-0002"} & set(_numbers(answer))
    assert top.workaround.startswith("Terminate idle transactions")
    assert top.fix == "Set idle_in_transaction_session_timeout"
    assert {"clients", "pool"} & set(top.evidence.matched_terms)
    assert top.evidence.semantic is not None
    assert [each.rank for each in answer.suggestions] == list(range(1, len(_numbers(answer)) + 1))


def test_an_incident_s_own_words_find_its_known_error(history: History) -> None:
    top = history.ask("HikariPool-1 Connection is not available").suggestions[0]
    assert top.id == "KE-0001"
    assert "Connection is not available" in top.excerpt


def test_without_known_errors_among_the_kinds_incidents_stand_for_themselves(
    history: History,
) -> None:
    answer = history.ask(OUTAGE, kinds=["incident"])
    assert {"INC-0001", "INC-0002"} & set(_numbers(answer))
    assert {each.kind.value for each in answer.suggestions} == {"incident"}


def test_incidents_speak_for_their_known_error_where_only_those_are_asked_for(
    history: History,
) -> None:
    answer = history.ask("HikariPool-1 Connection is not available", kinds=["known_error"])
    assert _numbers(answer) == ["KE-0001"]
    assert "Connection is not available" in answer.suggestions[0].excerpt


def test_only_the_kinds_that_are_asked_for_are_suggested(history: History) -> None:
    answer = history.ask(OUTAGE, kinds=["article"])
    assert _numbers(answer) == ["KB-0001"]
    assert answer.suggestions[0].workaround == (
        "Steps\n1. `psql orders`\n2. Terminate idle transactions."
    )


def test_near_cis_are_named_with_their_distance(history: History) -> None:
    def near(ci: str) -> tuple[float, NearestCI | None]:
        evidence = _one(history.ask(OUTAGE, cis=[ci]), "KE-0001").evidence
        return evidence.graph, evidence.nearest_ci

    assert near("db-orders-01") == (1.0, NearestCI(name="db-orders-01", hops=0))
    # an incident of the known error names this one
    assert near("Checkout") == (0.7, NearestCI(name="orders-api", hops=1))
    assert near("mail-01") == (0.0, None)


def test_a_ci_that_the_text_names_counts_a_little(history: History) -> None:
    evidence = _one(history.ask("db-orders-01: too many clients already"), "KE-0001").evidence
    assert evidence.graph == 0.6
    assert evidence.nearest_ci is not None
    assert evidence.nearest_ci.hops == 0


def test_nearness_decides_between_like_texts(history: History) -> None:
    with transaction(history.engine) as session:
        for ci in ("till-07", "mail-01"):
            log_incident(
                session,
                "Host does not answer",
                description="no ping, no login",
                workaround=f"power cycle through the console of {ci}",
                cis=[ci],
            )
    history.encode()
    for ci in ("till-07", "mail-01"):
        answer = history.ask("host does not answer to ping", cis=[ci])
        assert answer.suggestions[0].workaround.endswith(ci)


def test_an_incident_without_workaround_and_resolution_is_no_suggestion(history: History) -> None:
    assert "INC-0004" not in _numbers(history.ask("receipt printer of the till is silent"))


def test_a_duplicate_speaks_for_its_original(history: History) -> None:
    answer = history.ask("till prints no receipts, printer blinks")
    assert answer.suggestions[0].id == "INC-0003"
    assert answer.suggestions[0].incidents == ["INC-0005"]
    assert "INC-0005" not in _numbers(answer)


def test_incidents_that_were_solved_alike_stand_together(history: History) -> None:
    with transaction(history.engine) as session:
        for title in ("VPN drops every hour", "Home office users lose the VPN hourly"):
            log_incident(
                session,
                title,
                description="tunnel renegotiation fails",
                workaround="set the rekey interval of the tunnel to eight hours on both ends",
            )
    history.encode()
    answer = history.ask("vpn connection lost every hour")
    assert len({"INC-0007", "INC-0008"} & set(_numbers(answer))) == 1
    assert len(answer.suggestions[0].incidents) == 1


@pytest.mark.parametrize(
    "text",
    ["a recipe for apple pie with cinnamon", "who won the chess championship in 1972", "x", "?!"],
)
def test_what_nothing_covers_is_no_match(history: History, text: str) -> None:
    answer = history.ask(text)
    assert answer.verdict is Verdict.NO_MATCH
    assert answer.confidence < 0.45


def test_while_the_model_warms_up_the_answer_is_lexical_and_says_so(history: History) -> None:
    cold, warm = history.ask(OUTAGE, cold=True), history.ask(OUTAGE)
    assert "model_warming_up" in cold.notices
    assert cold.suggestions[0].id == "KE-0001"
    assert cold.suggestions[0].evidence.semantic is None
    assert cold.confidence < warm.confidence


def test_a_record_that_is_not_encoded_yet_is_judged_by_its_words_alone(history: History) -> None:
    with transaction(history.engine) as session:
        log_incident(
            session,
            "Badge reader at gate 4 rejects everyone",
            description="badge reader beeps thrice, gate 4 stays shut",
            workaround="Press reset behind the reader for ten seconds",
            status="closed",
            resolution_code="workaround",
        )
    asked = "badge reader at gate 4 beeps thrice and stays shut"
    fresh = history.ask(asked).suggestions[0]
    assert (fresh.id, fresh.evidence.semantic) == ("INC-0007", None)
    history.encode()
    known = history.ask(asked).suggestions[0]
    assert known.evidence.semantic is not None
    assert known.evidence.semantic > 0.5


def test_feedback_changes_the_track_record_the_next_moment(history: History) -> None:
    before = _one(history.ask(OUTAGE), "KE-0001").evidence
    assert (before.solved, before.not_helped, before.track_record) == (2, 0, 0.75)
    assert before.last_used is not None
    assert before.last_used.isoformat() == "2026-03-02T12:00:00+00:00"
    with transaction(history.engine) as session:
        for actor, incident in ((ALICE, "INC-0900"), (ALICE, "INC-0900"), (BOB, "INC-0901")):
            given = FeedbackIn(suggestion="KE-0001", incident=incident, outcome=Outcome.NOT_HELPED)
            record(session, actor, given)
    after = _one(history.ask(OUTAGE), "KE-0001").evidence
    assert (after.solved, after.not_helped, after.track_record) == (2, 2, 0.5)


def test_an_edit_and_a_deletion_show_in_the_next_answer(history: History) -> None:
    with transaction(history.engine) as session:
        patch = IncidentPatch(workaround="Kick the relay")
        records.change(session, ALICE, INCIDENTS, "INC-0006", patch)
    assert _one(history.ask("mail relay greylisted"), "INC-0006").workaround == "Kick the relay"
    with transaction(history.engine) as session:
        records.delete(session, ALICE, INCIDENTS, "INC-0006")
    assert "INC-0006" not in _numbers(history.ask("mail relay greylisted"))


def test_the_limit_cuts_the_list_and_not_the_confidence(history: History) -> None:
    whole, cut = history.ask(OUTAGE), history.ask(OUTAGE, limit=1)
    assert len(cut.suggestions) == 1
    assert cut.confidence == whole.confidence


def test_an_unknown_ci_is_an_error_with_candidates(history: History) -> None:
    with pytest.raises(UnresolvedCIError) as raised:
        history.ask(OUTAGE, cis=["db-order-01"])
    assert raised.value.errors[0].pointer == "/cis/0"
    assert raised.value.errors[0].candidates[0]["name"] == "db-orders-01"


def test_blank_and_endless_texts_are_refused(history: History) -> None:
    with pytest.raises(InvalidInputError):
        history.ask(" \n ")
    with pytest.raises(TooLargeError):
        history.ask("x" * 100_001)


@pytest.mark.parametrize(
    "text", ["\U0001f525" * 500, "مرحبا", "a" * 100_000, "' OR 1=1 --", "%_\\"]
)
def test_odd_texts_are_answered(history: History, text: str) -> None:
    assert history.ask(text).verdict in Verdict


def test_an_answer_takes_a_fixed_number_of_queries(history: History) -> None:
    statements: list[str] = []

    @event.listens_for(history.engine, "before_cursor_execute")
    def remember(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    def asked() -> int:
        statements.clear()
        history.ask(OUTAGE, cis=["db-orders-01"], limit=50)
        return len(statements)

    asked()
    before = asked()
    with transaction(history.engine) as session:
        for n in range(30):
            log_incident(session, f"Checkout 502 pool exhausted {n}", workaround=f"did thing {n}")
    history.encode()
    asked()
    assert asked() == before
