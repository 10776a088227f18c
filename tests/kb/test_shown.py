"""What a suggestion shows beside its order: the marked passage, the reason, the doubts.

By words alone, which is all that these need; on both databases.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from cmdb.snapshots import build
from kb import records
from kb.nouns import ARTICLES, CHANGES
from kb.schemas import ArticleIn, ArticlePatch, ChangeIn
from kb.suggest import suggest
from kb.suggest_schemas import Suggestion, SuggestionAnswer, SuggestionQuestion
from opsatlas.db.transaction import reading, transaction
from search.embedder import ModelUnavailableError, Vectors
from search.retriever import Retriever
from tests.cmdb.rows import put_relationship
from tests.kb.builders import ALICE, add_cis, log_incident, record_known_error

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


class NoModel:
    """An embedder that is not there."""

    model_id, dimensions = "none", 8

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise ModelUnavailableError("there is none")

    encode_questions = encode


class Asking:
    """A history and one way to ask it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._retriever = Retriever(engine, NoModel())

    def __call__(self, text: str, **asked: Any) -> SuggestionAnswer:
        question = SuggestionQuestion.model_validate({"text": text} | asked)
        with reading(self.engine) as session:
            return suggest(session, self._retriever, build(session), question, at=NOW)

    def one(self, number: str, text: str, **asked: Any) -> Suggestion:
        return next(each for each in self(text, **asked).suggestions if each.id == number)


@pytest.fixture
def ask(engine: Engine) -> Asking:
    with transaction(engine) as session:
        ids = add_cis(session, "db-erp-01", "erp-api")
        put_relationship(session, ids["erp-api"], ids["db-erp-01"])
        record_known_error(
            session,
            "ERP archiver stuck",
            description="ORA-00257 is thrown once the archive area is full",
            workaround="Clear the archive area, then restart the archiver.",
            fix="Twice the space, with CHG-0001",
            cis=["db-erp-01"],
        )
        for day in (2, 9):
            log_incident(
                session,
                "ERP stands still",
                description="archiver error",
                known_error="KE-0001",
                status="closed",
                resolution_code="workaround",
                opened_at=f"2026-06-0{day}T10:00:00Z",
            )
        change = ChangeIn.model_validate({"title": "Space", "status": "closed"})
        records.create(session, ALICE, CHANGES, [change])
        for title, body in (("Archiver, old", "sqlplus"), ("Archiver, new", "rman")):
            article = ArticleIn(title=title, body=f"Archiver stuck? 1. Ask `{body}` for archives.")
            records.create(session, ALICE, ARTICLES, [article])
    return Asking(engine)


def test_the_passage_s_matched_words_are_marked(ask: Asking) -> None:
    found = ask.one("KE-0001", "ORA-00257 archived areas")
    marked = [found.excerpt[start:end] for start, end in found.highlights]
    assert {"ORA-00257", "archive", "area"} <= set(marked)


def test_why_is_told_in_a_sentence_by_the_evidence(ask: Asking) -> None:
    found = ask.one("KE-0001", "ORA-00257: archiver error", cis=["db-erp-01"])
    assert found.why == (
        "Same error (ORA-00257) on the same application, db-erp-01, last seen 3 weeks ago;"
        " clearing the archive area helped 2 times."
    )
    assert found.evidence.last_seen == datetime(2026, 6, 9, 10, tzinfo=UTC)


def test_what_has_no_incident_was_seen_never(ask: Asking) -> None:
    found = ask.one("KB-0001", "archiver stuck")
    assert found.evidence.last_seen is None
    assert "seen" not in found.why


def test_a_superseded_article_is_suggested_as_its_successor(ask: Asking) -> None:
    asked = "ask sqlplus of the old archiver"
    assert ask(asked, kinds=["article"]).suggestions[0].id == "KB-0001"
    with transaction(ask.engine) as session:
        records.change(session, ALICE, ARTICLES, "KB-0001", ArticlePatch(superseded_by=["KB-0002"]))
    answer = ask(asked, kinds=["article"])
    assert [each.id for each in answer.suggestions] == ["KB-0002"]
    assert answer.suggestions[0].workaround.endswith("`rman` for archives.")
    assert answer.suggestions[0].evidence.caveats == []


def test_a_successor_that_search_did_not_find_is_suggested_all_the_same(ask: Asking) -> None:
    with transaction(ask.engine) as session:
        article = ArticleIn(title="Completely other", body="words")
        records.create(session, ALICE, ARTICLES, [article])
        records.change(session, ALICE, ARTICLES, "KB-0001", ArticlePatch(superseded_by=["KB-0003"]))
    assert "KB-0003" in [each.id for each in ask("sqlplus").suggestions]


def test_a_superseded_article_whose_successor_is_not_there_says_so_and_stands_back(
    ask: Asking,
) -> None:
    before = ask.one("KB-0001", "archiver stuck")
    with transaction(ask.engine) as session:
        records.change(session, ALICE, ARTICLES, "KB-0001", ArticlePatch(superseded_by=["KB-0009"]))
    after = ask.one("KB-0001", "archiver stuck")
    assert [each.code for each in after.evidence.caveats] == ["superseded"]
    assert after.score == pytest.approx(0.8 * before.score, abs=0.001)


def test_a_fix_whose_change_was_reverted_says_so(ask: Asking) -> None:
    asked = "ORA-00257 archiver"
    assert ask.one("KE-0001", asked).evidence.caveats == []
    with transaction(ask.engine) as session:
        number = "CHG-0001"
        patch = CHANGES.patch.model_validate({"status": "reverted"})
        records.change(session, ALICE, CHANGES, number, patch)
    assert [each.code for each in ask.one("KE-0001", asked).evidence.caveats] == ["change_reverted"]
