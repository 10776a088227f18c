"""Who may read a record: what is kept from a caller is nowhere, and stays as it is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cmdb.snapshots import GraphCache, build
from kb import feedback, records, stored
from kb.loads import LoadReport, load
from kb.models import Incident, KnownError, Outcome
from kb.nouns import ARTICLES, CHANGES, INCIDENTS, KNOWN_ERRORS, Noun
from kb.records import NumberTakenError
from kb.schemas import (
    ArticleIn,
    ArticlePatch,
    ChangeIn,
    ChangePatch,
    FeedbackIn,
    IncidentIn,
    IncidentPatch,
)
from kb.stored import NoSuchRecordError
from kb.suggest import suggest
from kb.suggest_schemas import SuggestionQuestion
from kb.suspect_history import history_of
from kb.visibility import VisibilityExcludesCallerError, is_readable
from kb.weak_point_schemas import WeakPointKind
from kb.weak_points import WeakPointFinder, WeakPointsQuestion
from kb.weighing import HITS
from opsatlas.actor import Actor, Role
from opsatlas.db.listing import parse_query
from opsatlas.db.transaction import reading, transaction
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.cmdb.rows import put_relationship
from tests.kb.builders import LONG_AGO, add_cis, json_lines
from tests.search.conftest import HashingEmbedder

ADMIN = Actor("root", Role.ADMIN)
DBA = Actor("dora", Role.RESPONDER, None, frozenset({"dba"}))
BOTH = Actor("bea", Role.RESPONDER, None, frozenset({"dba", "payments"}))
OUTSIDER = Actor("otto", Role.RESPONDER, None, frozenset({"payments"}))
NOBODY = Actor("nick", Role.READER)


def create(session: Session, noun: Noun[Any, Any, Any], **fields: Any) -> Any:
    """One record, by an admin."""
    given = noun.input.model_validate({"title": "Pool runs dry"} | fields)
    return records.create(session, ADMIN, noun, [given], single=True)[0]


def visible(session: Session, noun: Noun[Any, Any, Any], actor: Actor) -> list[str]:
    page = stored.list_records(
        session, noun, parse_query({"ordering": ["number"]}, 50), actor.groups
    )
    assert page.count == len(page.results)
    return [each.number for each in page.results]


def _number(group: str) -> str:
    return group.replace(" ", "-").replace("/", ":")


def load_as(engine: Engine, actor: Actor, *rows: dict[str, Any], **options: Any) -> LoadReport:
    with transaction(engine) as session:
        return load(session, actor, [json_lines("incidents.jsonl", *rows)], **options)


def test_a_restricted_record_is_there_for_its_groups_and_for_admins_alone(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, INCIDENTS, number="I-1")
        create(session, INCIDENTS, number="I-2", visibility=["DBA", "network"])
    with reading(engine) as session:
        for reader in (ADMIN, DBA, BOTH):
            assert visible(session, INCIDENTS, reader) == ["I-1", "I-2"]
            found = stored.get(session, INCIDENTS, "I-2", reader.groups)
            assert found.visibility == ["dba", "network"]
        for reader in (OUTSIDER, NOBODY):
            assert visible(session, INCIDENTS, reader) == ["I-1"]
            with pytest.raises(NoSuchRecordError, match="there is no incident 'I-2'"):
                stored.get(session, INCIDENTS, "I-2", reader.groups)


def test_a_name_that_is_part_of_another_or_a_pattern_opens_nothing(engine: Engine) -> None:
    names = ["dba", "db", "dba2", "a", "d_a", "d.a", "dba/", "dba network"]
    with transaction(engine) as session:
        for name in names:
            create(session, INCIDENTS, number=_number(name), visibility=[name, "x"])
    with reading(engine) as session:
        for name in names:
            readable = session.query(Incident.number).filter(
                is_readable(Incident, frozenset({name}))
            )
            assert readable.all() == [(_number(name),)]


def test_what_is_kept_from_a_caller_can_be_neither_changed_nor_deleted(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, INCIDENTS, number="I-1", visibility=["dba"])
    for work in (
        lambda s: records.change(s, OUTSIDER, INCIDENTS, "I-1", IncidentPatch(title="mine")),
        lambda s: records.delete(s, OUTSIDER, INCIDENTS, "I-1", if_version=7),
    ):
        with pytest.raises(NoSuchRecordError), transaction(engine) as session:
            work(session)
    with transaction(engine) as session:
        changed = records.change(
            session, DBA, INCIDENTS, "I-1", IncidentPatch.model_validate({"visibility": None})
        )
        assert changed.visibility == []
        assert visible(session, INCIDENTS, NOBODY) == ["I-1"]


def test_nobody_writes_what_only_others_could_read(engine: Engine) -> None:
    mine = IncidentIn.model_validate({"title": "x", "visibility": ["dba", "payments"]})
    others = IncidentIn.model_validate({"title": "x", "visibility": ["payments"]})
    with transaction(engine) as session:
        (made,) = records.create(session, DBA, INCIDENTS, [mine])
    with (
        pytest.raises(VisibilityExcludesCallerError, match="only others") as refused,
        transaction(engine) as session,
    ):
        records.create(session, DBA, INCIDENTS, [mine, others])
    assert [each.pointer for each in refused.value.errors] == ["/1/visibility"]
    assert refused.value.hint == "name one of your groups too: dba"
    patch = IncidentPatch.model_validate({"visibility": ["payments"]})
    with pytest.raises(VisibilityExcludesCallerError), transaction(engine) as session:
        records.change(session, DBA, INCIDENTS, made.number, patch)
    with transaction(engine) as session:
        assert records.change(session, ADMIN, INCIDENTS, made.number, patch).visibility == [
            "payments"
        ]


def test_that_a_number_is_taken_is_all_that_is_told_of_a_hidden_record(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, KNOWN_ERRORS, number="X-1", visibility=["dba"])
    given = IncidentIn(number="X-1", title="x")
    with pytest.raises(NumberTakenError, match="another record"), transaction(engine) as session:
        records.create(session, OUTSIDER, INCIDENTS, [given])
    with pytest.raises(NumberTakenError, match="known error"), transaction(engine) as session:
        records.create(session, DBA, INCIDENTS, [given])


def test_a_load_changes_no_hidden_record_and_finds_no_hidden_twin(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, INCIDENTS, number="I-1", title="twin", visibility=["dba"])
        create(session, KNOWN_ERRORS, number="K-1", visibility=["dba"])
    report = load_as(engine, OUTSIDER, {"number": "I-1", "title": "mine"}, partial=True)
    assert [problem.code for problem in report.problems] == ["number_taken"]
    assert "another record" in report.problems[0].message
    report = load_as(engine, OUTSIDER, {"title": "twin", "known_error": "K-1"})
    assert [problem.code for problem in report.problems] == ["unknown_known_error"]
    assert report.incidents.created == 1
    report = load_as(engine, DBA, {"number": "I-1", "symptoms": "s", "title": "twin"})
    assert report.problems == []
    with reading(engine) as session:
        assert stored.get(session, INCIDENTS, "I-1", None).symptoms == "s"


def test_a_load_refuses_the_rows_that_their_writer_could_not_read(engine: Engine) -> None:
    rows = [{"title": "a", "visibility": ["payments"]}, {"title": "b", "visibility": ["dba"]}]
    report = load_as(engine, OUTSIDER, *rows, partial=True)
    (problem,) = report.problems
    assert (problem.code, problem.row, problem.column) == (
        "visibility_excludes_caller",
        2,
        "visibility",
    )
    assert (report.incidents.created, report.incidents.rejected) == (1, 1)


def test_numbers_of_hidden_records_are_not_shown_and_not_lost(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, KNOWN_ERRORS, number="K-1", visibility=["dba"])
        create(session, KNOWN_ERRORS, number="K-2")
        create(session, ARTICLES, number="A-1", visibility=["dba"])
        create(session, INCIDENTS, number="I-1", visibility=["dba"])
        create(session, INCIDENTS, number="I-2", known_error="K-1")
        create(session, ARTICLES, number="A-2", known_errors=["K-1", "K-2"], superseded_by=["A-1"])
        create(session, CHANGES, number="C-1", incidents=["I-2", "I-1", "I-9"])
    with transaction(engine) as session:
        assert stored.get(session, INCIDENTS, "I-2", OUTSIDER.groups).known_error is None
        article = stored.get(session, ARTICLES, "A-2", OUTSIDER.groups)
        assert (article.known_errors, article.superseded_by) == (["K-2"], [])
        assert stored.get(session, CHANGES, "C-1", OUTSIDER.groups).incidents == ["I-2", "I-9"]
        assert stored.get(session, CHANGES, "C-1", DBA.groups).incidents == ["I-2", "I-1", "I-9"]
    with transaction(engine) as session:
        # As whoever sends back what was read does, and whoever makes something else of it.
        same = ChangePatch(incidents=["I-2", "I-9"])
        assert records.change(session, OUTSIDER, CHANGES, "C-1", same).version == 1
        records.change(session, OUTSIDER, CHANGES, "C-1", ChangePatch(incidents=["I-8"]))
        records.change(session, OUTSIDER, ARTICLES, "A-2", ArticlePatch(known_errors=[]))
        cleared = IncidentPatch.model_validate({"known_error": None, "title": "seen"})
        records.change(session, OUTSIDER, INCIDENTS, "I-2", cleared)
    with reading(engine) as session:
        assert stored.get(session, CHANGES, "C-1", None).incidents == ["I-8", "I-1"]
        assert stored.get(session, ARTICLES, "A-2", None).known_errors == ["K-1"]
        assert stored.get(session, INCIDENTS, "I-2", None).known_error == "K-1"


def test_no_filter_and_no_order_tells_the_number_of_a_hidden_record(engine: Engine) -> None:
    with transaction(engine) as session:
        create(session, KNOWN_ERRORS, number="K-1", visibility=["dba"])
        create(session, INCIDENTS, number="I-1", known_error="K-1")
        create(session, INCIDENTS, number="I-2", known_error="K-9")
        create(session, INCIDENTS, number="I-3")

    def numbers(actor: Actor, **parameters: str) -> list[str]:
        query = parse_query({name: [value] for name, value in parameters.items()}, 50)
        with reading(engine) as session:
            page = stored.list_records(session, INCIDENTS, query, actor.groups)
        return sorted(each.number for each in page.results)

    assert numbers(DBA, known_error="K-1") == ["I-1"]
    assert numbers(OUTSIDER, known_error="K-1") == []
    assert numbers(OUTSIDER, known_error__isw="K") == ["I-2"]
    assert numbers(OUTSIDER, known_error__empty="true") == ["I-1", "I-3"]
    assert numbers(OUTSIDER, known_error__n="K-9") == ["I-1", "I-3"]
    assert numbers(OUTSIDER, ordering="known_error") == ["I-1", "I-2", "I-3"]


def test_feedback_names_what_its_writer_may_read_and_counts_for_who_may_read_its_incident(
    engine: Engine,
) -> None:
    with transaction(engine) as session:
        create(session, KNOWN_ERRORS, number="K-1")
        create(session, KNOWN_ERRORS, number="K-2", visibility=["dba"])
        create(session, INCIDENTS, number="I-1", visibility=["dba"])

    def give(actor: Actor, suggestion: str) -> int:
        said = FeedbackIn(suggestion=suggestion, incident="I-1", outcome=Outcome.RESOLVED)
        with transaction(engine) as session:
            return feedback.record(session, actor, said).solved

    assert give(DBA, "K-1") == 1
    assert give(OUTSIDER, "K-1") == 0
    with pytest.raises(feedback.NoSuchSuggestionError):
        give(OUTSIDER, "K-2")


def test_hidden_incidents_count_neither_for_suspects_nor_for_weak_points(engine: Engine) -> None:
    with transaction(engine) as session:
        ids = add_cis(session, "db-1", "shop")
        put_relationship(session, ids["shop"], ids["db-1"])
        create(session, INCIDENTS, cis=["db-1"])
        create(session, INCIDENTS, cis=["db-1"], visibility=["dba"])
    question = WeakPointsQuestion(frozenset(WeakPointKind), "shop", 10, 0)
    with reading(engine) as session:
        since, to = LONG_AGO - timedelta(days=1), LONG_AGO
        for actor, count in ((DBA, 2), (OUTSIDER, 1), (ADMIN, 2)):
            history = history_of(session, [ids["db-1"]], since, to, actor.groups)
            assert history.incidents == {ids["db-1"]: count}
            answer = WeakPointFinder(GraphCache(), 5.0).answer(session, question, (), actor.groups)
            assert [each.incidents for each in answer.single_points] == [count]


def test_every_record_with_a_visibility_is_asked_for_by_the_predicate(engine: Engine) -> None:
    assert [noun.kind.value for noun in (INCIDENTS, KNOWN_ERRORS, ARTICLES) if noun.restrictable]
    assert not CHANGES.restrictable
    with transaction(engine) as session:
        for noun in (KNOWN_ERRORS, ARTICLES):
            create(session, noun, number=f"{noun.prefix}-9", visibility=["dba"])
        records.create(session, ADMIN, ARTICLES, [ArticleIn(title="open")])
        records.create(session, ADMIN, CHANGES, [ChangeIn(title="a change", number="C-1")])
        assert visible(session, KNOWN_ERRORS, OUTSIDER) == []
        assert visible(session, CHANGES, OUTSIDER) == ["C-1"]
        assert len(visible(session, ARTICLES, OUTSIDER)) == 1
        assert session.query(KnownError).count() == 1


def test_hidden_records_take_no_place_among_what_search_hands_over(
    sqlite_engine: Engine,
) -> None:
    hashing = HashingEmbedder()
    words = "pool exhausted on the orders database"
    hidden = [
        IncidentIn.model_validate(
            {"title": words, "workaround": f"restart {words}", "visibility": ["dba"]}
        )
        for _ in range(HITS + 20)
    ]
    with transaction(sqlite_engine) as session:
        records.create(session, ADMIN, INCIDENTS, hidden)
        create(session, INCIDENTS, number="I-1", title="pool", workaround="fill it up")
    encode_missing(sqlite_engine, hashing, batch_size=64)
    retriever = Retriever(sqlite_engine, hashing)
    with reading(sqlite_engine) as session:
        graph, question = build(session), SuggestionQuestion(text=words, limit=50)
        answer = suggest(session, retriever, graph, question, OUTSIDER.groups)
        assert [each.id for each in answer.suggestions] == ["I-1"]
    patch = IncidentPatch.model_validate({"visibility": ["dba"]})
    with transaction(sqlite_engine) as session:
        records.change(session, ADMIN, INCIDENTS, "I-1", patch)
    with reading(sqlite_engine) as session:
        assert suggest(session, retriever, graph, question, OUTSIDER.groups).suggestions == []
