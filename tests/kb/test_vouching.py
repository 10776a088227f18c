"""An article and its known error speak for each other."""

from typing import Any

from sqlalchemy import Engine

from kb import records
from kb.candidates import Candidate
from kb.grouping import Group
from kb.models import RecordKind
from kb.nouns import ARTICLES
from kb.schemas import ArticleIn
from kb.vouching import VOUCHED, links_between, vouched
from opsatlas.db.transaction import transaction
from search.retriever import Hit
from tests.kb.builders import ALICE, record_known_error


def _found(number: str, score: float) -> Group:
    kind = RecordKind.ARTICLE if number.startswith("KB") else RecordKind.KNOWN_ERROR
    given: dict[str, Any] = dict.fromkeys(Hit.__dataclass_fields__)
    hit = Hit(**given | {"kind": kind.value, "key": number, "score": score})
    candidate = Candidate(kind, 1, number, number, workaround="do it", hit=hit)
    return Group(candidate, (candidate,))


def _order(*found: Group, links: list[tuple[str, str]]) -> list[tuple[str, float]]:
    return [(each.head.number, round(each.text_score, 6)) for each in vouched(found, links)]


def test_the_runbook_of_a_known_error_that_fits_comes_right_after_it() -> None:
    order = _order(
        _found("KE-1", 0.9),
        _found("KE-2", 0.7),
        _found("KB-1", 0.2),
        links=[("KB-1", "KE-1")],
    )
    assert order == [("KE-1", 0.9), ("KB-1", VOUCHED * 0.9), ("KE-2", 0.7)]


def test_a_known_error_whose_runbook_fits_comes_right_after_it() -> None:
    order = _order(
        _found("KB-1", 1.0), _found("KE-2", 0.7), _found("KE-1", 0.1), links=[("KB-1", "KE-1")]
    )
    assert [number for number, _ in order] == ["KB-1", "KE-1", "KE-2"]


def test_what_was_found_itself_is_not_worth_less_for_a_link_and_nothing_is_lent_on() -> None:
    order = _order(
        _found("KE-1", 0.9),
        _found("KB-1", 0.85),
        _found("KB-2", 0.3),
        _found("KE-2", 0.2),
        links=[("KB-1", "KE-1"), ("KB-2", "KE-1"), ("KB-2", "KE-2")],
    )
    assert order == [
        ("KE-1", 0.9),
        ("KB-1", 0.85),
        ("KB-2", VOUCHED * 0.9),
        ("KE-2", VOUCHED * 0.3),
    ]


def test_links_are_those_of_which_both_ends_are_there(engine: Engine) -> None:
    with transaction(engine) as session:
        for title in ("Pool runs dry", "Disk is full"):
            record_known_error(session, title)
        given = ArticleIn.model_validate(
            {"title": "Runbook", "body": "do it", "known_errors": ["KE-0001", "KE-0002", "KE-0099"]}
        )
        records.create(session, ALICE, ARTICLES, [given])
        article = Candidate(RecordKind.ARTICLE, 1, "KB-0001", "Runbook")
        known_errors = [
            Candidate(RecordKind.KNOWN_ERROR, 1, number, "Disk is full")
            for number in ("KE-0002", "KE-0099")
        ]
        links = links_between(session, [article, *known_errors])
        assert sorted(links) == [("KB-0001", "KE-0002"), ("KB-0001", "KE-0099")]
        assert links_between(session, [article]) == []
        assert links_between(session, known_errors) == []
