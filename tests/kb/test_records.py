"""Records are written whole or not at all, versioned, audited, and found by search at once."""

import pytest
from sqlalchemy import Engine, select

from cmdb.references import UnresolvedCIError
from kb import records, stored
from kb.affected import link_unresolved
from kb.documents import ENCODE
from kb.field_types import Level
from kb.models import AffectedCI, Feedback, Incident, Outcome
from kb.nouns import ARTICLES, CHANGES, INCIDENTS, KNOWN_ERRORS
from kb.records import NumberTakenError, StaleVersionError
from kb.schemas import ArticleIn, ChangeIn, IncidentIn, IncidentPatch, KnownErrorPatch
from kb.stored import NoSuchRecordError
from opsatlas.audit import AuditEntry
from opsatlas.db.listing import ListQuery
from opsatlas.db.transaction import transaction
from opsatlas.errors import InvalidInputError
from opsatlas.jobs import Job
from search.models import SearchDocument
from tests.kb.builders import (
    ALICE,
    LONG_AGO,
    add_cis,
    count,
    json_lines,
    load_files,
    log_incident,
    record_known_error,
)


def test_an_incident_without_a_number_is_given_the_next_one(engine: Engine) -> None:
    with transaction(engine) as session:
        assert log_incident(session).number == "INC-0001"
        assert log_incident(session).number == "INC-0002"
        assert record_known_error(session).number == "KE-0001"


def test_a_number_that_was_ever_used_is_not_given_again(engine: Engine) -> None:
    with transaction(engine) as session:
        log_incident(session, number="INC-0002")
        gone = log_incident(session)
        records.delete(session, ALICE, INCIDENTS, gone.number)
        assert log_incident(session).number not in (gone.number, "INC-0002")


def test_several_records_are_created_all_or_none(engine: Engine) -> None:
    with pytest.raises(NumberTakenError) as raised, transaction(engine) as session:
        items = [IncidentIn(title="a", number=n) for n in ("INC-7", "INC-8", "INC-7")]
        records.create(session, ALICE, INCIDENTS, items)
    assert [item.pointer for item in raised.value.errors] == ["/2/number"]
    with transaction(engine) as session:
        assert count(session, Incident) == count(session, AuditEntry) == 0


def test_one_number_names_one_record_whatever_its_kind(engine: Engine) -> None:
    with pytest.raises(NumberTakenError, match="KE-1 is the number of another known error"):
        with transaction(engine) as session:
            record_known_error(session, number="KE-1")
            log_incident(session, number="KE-1")


def test_an_unknown_ci_is_refused_with_names_that_are_near(engine: Engine) -> None:
    with transaction(engine) as session:
        add_cis(session, "db-orders-01")
    with pytest.raises(UnresolvedCIError) as raised, transaction(engine) as session:
        log_incident(session, cis=["db-orders-01", "db-order-01"])
    assert raised.value.errors[0].pointer == "/0/cis/1"
    assert raised.value.errors[0].hint == "did you mean 'db-orders-01'?"


def test_an_incident_may_be_about_a_retired_ci(engine: Engine) -> None:
    with transaction(engine) as session:
        add_cis(session, "old-server", status="retired")
        assert log_incident(session, cis=["old-server"]).unresolved_cis == []


def test_a_ci_may_be_referred_to_by_its_id(engine: Engine) -> None:
    with transaction(engine) as session:
        ids = add_cis(session, "db-1")
        assert log_incident(session, cis=[{"id": ids["db-1"]}]).cis == ["db-1"]


def test_names_that_were_unknown_are_linked_once_there_is_such_a_ci(engine: Engine) -> None:
    load_files(
        engine, json_lines("incidents.jsonl", {"number": "I-1", "title": "t", "cis": ["x1"]})
    )
    with transaction(engine) as session:
        assert stored.get(session, INCIDENTS, "I-1").unresolved_cis == ["x1"]
        assert link_unresolved(session) == 0
        ids = add_cis(session, "X1", "other")
        assert link_unresolved(session) == 1
        assert stored.get(session, INCIDENTS, "I-1").unresolved_cis == []
        assert session.scalars(select(AffectedCI.ci_id)).all() == [ids["X1"]]


def test_a_name_that_two_cis_have_stays_unlinked(engine: Engine) -> None:
    load_files(
        engine, json_lines("incidents.jsonl", {"number": "I-1", "title": "t", "cis": ["x1"]})
    )
    with transaction(engine) as session:
        add_cis(session, "x1", "x1")
        assert link_unresolved(session) == 0


def test_a_patch_changes_what_it_says_and_nothing_else(engine: Engine) -> None:
    with transaction(engine) as session:
        add_cis(session, "db-1")
        before = log_incident(session, cis=["db-1"], impact="high", workaround="restart")
        patch = IncidentPatch.model_validate({"impact": None, "resolution": "fixed"})
        after = records.change(session, ALICE, INCIDENTS, before.number, patch, if_version=1)
    assert (after.version, after.impact, after.resolution) == (2, None, "fixed")
    assert (after.cis, after.workaround) == (["db-1"], "restart")


def test_a_patch_that_changes_nothing_leaves_the_version(engine: Engine) -> None:
    with transaction(engine) as session:
        number = log_incident(session, impact="high").number
        same = IncidentPatch(impact=Level.HIGH)
        assert records.change(session, ALICE, INCIDENTS, number, same).version == 1


def test_a_patch_may_replace_the_cis(engine: Engine) -> None:
    with transaction(engine) as session:
        add_cis(session, "a1", "b1", "c1")
        number = log_incident(session, cis=["a1", "b1"]).number
        patch = IncidentPatch(cis=["b1", "c1"])
        assert records.change(session, ALICE, INCIDENTS, number, patch).cis == ["b1", "c1"]


def test_a_stale_version_changes_and_deletes_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        number = log_incident(session).number
        patch = IncidentPatch(title="other")
        with pytest.raises(StaleVersionError):
            records.change(session, ALICE, INCIDENTS, number, patch, if_version=2)
        with pytest.raises(StaleVersionError):
            records.delete(session, ALICE, INCIDENTS, number, if_version=2)
        assert stored.get(session, INCIDENTS, number).title == "Shop is slow"


def test_times_out_of_order_are_refused_in_a_patch_too(engine: Engine) -> None:
    with transaction(engine) as session:
        number = log_incident(session, opened_at="2026-03-04T10:00:00Z").number
        patch = IncidentPatch.model_validate({"closed_at": "2026-03-03T10:00:00Z"})
        with pytest.raises(InvalidInputError, match="closed_at is before opened_at"):
            records.change(session, ALICE, INCIDENTS, number, patch)


def test_the_priority_follows_from_impact_and_urgency(engine: Engine) -> None:
    with transaction(engine) as session:
        incident = log_incident(session, impact="high", urgency="medium")
        assert incident.priority == 2
        patch = IncidentPatch(impact=Level.LOW)
        changed = records.change(session, ALICE, INCIDENTS, incident.number, patch)
        assert changed.priority == 4


def test_every_write_is_audited_with_what_differs(engine: Engine) -> None:
    with transaction(engine) as session:
        number = record_known_error(session).number
        patch = KnownErrorPatch(workaround="restart it twice")
        records.change(session, ALICE, KNOWN_ERRORS, number, patch)
        records.delete(session, ALICE, KNOWN_ERRORS, number)
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == ["create", "update", "delete"]
    assert {(e.actor, e.entity, e.entity_id) for e in entries} == {("alice", "known_error", number)}
    assert entries[1].before == {"workaround": "restart it"}
    assert entries[1].after == {"workaround": "restart it twice"}


def test_a_record_is_found_by_search_from_the_same_unit_of_work_on(engine: Engine) -> None:
    with transaction(engine) as session:
        number = log_incident(session, description="ORA-00257 archiver error").number
        document = session.scalars(select(SearchDocument)).one()
        assert (document.kind, document.key) == ("incident", number)
        assert "ORA-00257" in document.text
        assert session.scalars(select(Job.kind)).all() == [ENCODE]
        records.delete(session, ALICE, INCIDENTS, number)
        assert count(session, SearchDocument) == 0


def test_changes_are_kept_but_not_suggested(engine: Engine) -> None:
    with transaction(engine) as session:
        item = ChangeIn(title="New firmware", incidents=["INC-0009"])
        change = records.create(session, ALICE, CHANGES, [item])[0]
        assert change.incidents == ["INC-0009"]
        assert count(session, SearchDocument) == 0


def test_an_article_may_name_a_known_error_that_comes_later(engine: Engine) -> None:
    with transaction(engine) as session:
        item = ArticleIn(title="Runbook", body="do it", known_errors=["KE-0001"])
        article = records.create(session, ALICE, ARTICLES, [item])[0]
        assert stored.get(session, ARTICLES, article.number).known_errors == ["KE-0001"]


def test_deleting_a_record_takes_its_feedback_along(engine: Engine) -> None:
    with transaction(engine) as session:
        number = record_known_error(session).number
        session.add(
            Feedback(
                suggestion=number,
                incident="INC-1",
                outcome=Outcome.RESOLVED.value,
                actor="bob",
                at=LONG_AGO,
            )
        )
        session.flush()
        records.delete(session, ALICE, KNOWN_ERRORS, number)
        assert count(session, Feedback) == 0
        with pytest.raises(NoSuchRecordError):
            stored.get(session, KNOWN_ERRORS, number)


def test_incidents_are_listed_newest_first_and_by_ci(engine: Engine) -> None:
    with transaction(engine) as session:
        ids = add_cis(session, "db-1")
        for cis in ([], ["db-1"], ["db-1"]):
            log_incident(session, cis=cis)
        page = stored.list_records(session, INCIDENTS, ListQuery(limit=1), ci_id=ids["db-1"])
    assert (page.count, page.more) == (2, True)
    assert [each.number for each in page.results] == ["INC-0003"]
