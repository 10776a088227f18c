"""Planned changes over time: what they take down together, when, and which of them conflict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cmdb.references import UnresolvedCIError
from cmdb.snapshots import GraphCache
from kb import records
from kb.change_assessment import assess_changes
from kb.change_assessment_schemas import AssessedConflict, Assessment, AssessmentQuestion
from kb.change_gathering import ChangeNotAssessableError, TooManyChangesError
from kb.nouns import CHANGES
from kb.schemas import ChangeIn
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from tests.cmdb.rows import put_ci, put_relationship
from tests.kb.builders import ALICE

_QUESTION = TypeAdapter(AssessmentQuestion)
DAY = datetime(2150, 3, 4, tzinfo=UTC)


def at(hour: float) -> datetime:
    """An hour of a day that is to come."""
    return DAY + timedelta(hours=hour)


def plan(session: Session, number: str, cis: list[str], *hours: float | None, **more: Any) -> None:
    start, end = (None if hour is None else at(hour) for hour in (*hours, None, None)[:2])
    given = {"number": number, "title": number, "cis": cis}
    given |= {"planned_start": start, "planned_end": end} | more
    records.create(session, ALICE, CHANGES, [ChangeIn.model_validate(given)])


def draft(cis: list[Any], start: float, end: float | None) -> dict[str, Any]:
    return {"cis": cis, "planned_start": at(start), "planned_end": end if end is None else at(end)}


def within(start: float, end: float | None = None) -> dict[str, Any]:
    return {"from": at(start), "to": None if end is None else at(end)}


def assess(engine: Engine, *, most: int = 10, **question: Any) -> Assessment:
    with reading(engine) as session:
        asked = _QUESTION.validate_python(question)
        return assess_changes(session, GraphCache(), asked, max_changes=most, max_analyses=100)


def hours(span: Any) -> str:
    """Such as `20-22`."""
    ends = [span.start, span.end]
    return "-".join("" if m is None else f"{(m - DAY).total_seconds() / 3600:g}" for m in ends)


def told(assessment: Assessment) -> list[str]:
    return [
        f"{hours(each)} {'+'.join(each.changes)}:"
        + "".join(f" {service.name} {service.state}" for service in each.services)
        for each in assessment.intervals
    ]


def conflicts(assessment: Assessment) -> list[str]:
    def one(each: AssessedConflict) -> str:
        return f"{hours(each)} {'+'.join(each.changes)}: {[s.name for s in each.services]}"

    return [one(each) for each in assessment.conflicts]


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Checkout needs 1 of node-a and node-b; Search needs 2 of idx-1 to idx-3; Blog needs disk."""
    with transaction(engine) as session:
        checkout = put_ci(session, "Checkout", "business_service", criticality=1, owner="Payments")
        search = put_ci(session, "Search", "business_service", criticality=2)
        blog = put_ci(session, "Blog", "business_service", criticality=4)
        for name in ("node-a", "node-b"):
            put_relationship(session, checkout, put_ci(session, name, "server"), group="nodes")
        for name in ("idx-1", "idx-2", "idx-3"):
            put_relationship(
                session, search, put_ci(session, name, "server"), group="index", min_up=2
            )
        put_relationship(session, blog, put_ci(session, "disk", "storage"))
        put_ci(session, "old", "server", status="retired")
    return engine


def test_two_changes_that_overlap_take_down_what_each_alone_puts_at_risk(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["node-a"], 20, 22)
        plan(session, "CHG-2", ["node-b"], 21, 23)
        plan(session, "CHG-3", ["disk"], 1, 2)
    found = assess(shop, changes=["CHG-1"])
    assert told(found) == [
        "20-21 CHG-1: Checkout at_risk",
        "21-22 CHG-1+CHG-2: Checkout down",
    ]
    (service,) = found.services
    assert [f"{hours(each)} {each.state}" for each in service.periods] == [
        "20-21 at_risk",
        "21-22 down",
    ]
    assert (service.state, service.criticality, service.owner) == ("down", 1, "Payments")
    assert [step.name for step in service.path] == ["node-a", "Checkout"]
    assert conflicts(found) == ["21-22 CHG-1+CHG-2: ['Checkout']"]
    (conflict,) = found.conflicts
    assert conflict.services[0].alone == {"CHG-1": "at_risk", "CHG-2": "at_risk"}
    (group,) = conflict.groups
    assert (group.group, group.members, group.up, group.min_up) == ("nodes", 2, 0, 1)
    assert [(each.number, each.asked, each.services) for each in found.changes] == [
        ("CHG-1", True, {"at_risk": 1}),
        ("CHG-2", False, {"at_risk": 1}),
    ]
    assert found.notices == []


def test_changes_that_follow_each_other_do_not_conflict(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["node-a"], 20, 22)
        plan(session, "CHG-2", ["node-b"], 22, 24)
    found = assess(shop, changes=["CHG-1", "CHG-2"])
    assert told(found) == ["20-22 CHG-1: Checkout at_risk", "22-24 CHG-2: Checkout at_risk"]
    assert found.conflicts == []
    (service,) = found.services
    assert [hours(each) for each in service.periods] == ["20-24"]


def test_three_drafts_conflict_in_pairs(shop: Engine) -> None:
    drafts = [draft([f"idx-{number}"], 20 + number / 2, 23) for number in (1, 2, 3)]
    found = assess(shop, drafts=drafts)
    assert conflicts(found) == [
        "21-23 draft-1+draft-2: ['Search']",
        "21.5-23 draft-1+draft-3: ['Search']",
        "21.5-23 draft-2+draft-3: ['Search']",
    ]
    assert {each.status for each in found.changes} == {"draft"}


def test_a_change_that_breaks_a_service_alone_is_no_conflict(shop: Engine) -> None:
    found = assess(shop, drafts=[draft(["node-a", "node-b"], 1, 2), draft(["node-b"], 1, 2)])
    assert told(found) == ["1-2 draft-1+draft-2: Checkout down"]
    assert found.conflicts == []


def test_overlapping_changes_are_left_alone_where_that_is_asked(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["node-a"], 20, 22)
        plan(session, "CHG-2", ["node-b"], 21, 23)
    found = assess(shop, changes=["CHG-1"], overlapping=False)
    assert told(found) == ["20-22 CHG-1: Checkout at_risk"]


def test_a_window_shows_all_that_is_planned_in_it_cut_to_it(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["node-a"], 18, 22)
        plan(session, "CHG-2", ["disk"], 30, 40)
        plan(session, "CHG-3", ["node-b"], 20, 22, status="cancelled")
    found = assess(shop, **within(20, 24))
    assert told(found) == ["20-22 CHG-1: Checkout at_risk"]
    assert hours(found.window) == "20-24"
    assert told(assess(shop, **within(50, 51))) == []


def test_a_change_without_an_end_lasts_until_further_notice(shop: Engine) -> None:
    found = assess(shop, drafts=[draft(["disk"], 1, None), draft(["node-a"], 3, 4)])
    assert told(found) == [
        "1-3 draft-1: Blog down",
        "3-4 draft-1+draft-2: Blog down Checkout at_risk",
        "4- draft-1: Blog down",
    ]
    assert found.notices == ["open_window"]
    closed = assess(shop, drafts=[draft(["disk"], 1, None)], to=at(9))
    assert (told(closed), closed.notices) == (["1-9 draft-1: Blog down"], [])


def test_a_change_without_length_counts_at_its_moment(shop: Engine) -> None:
    found = assess(shop, drafts=[draft(["node-a"], 1, 3), draft(["node-b"], 2, 2)])
    assert told(found) == [
        "1-2 draft-1: Checkout at_risk",
        "2-2 draft-1+draft-2: Checkout down",
        "2-3 draft-1: Checkout at_risk",
    ]
    assert conflicts(found) == ["2-2 draft-1+draft-2: ['Checkout']"]


def test_a_past_window_is_answered_and_said_to_be_over(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["disk"], planned_start="2026-01-01", planned_end="2026-01-02")
    assert assess(shop, changes=["CHG-1"]).notices == ["past_window"]


def test_a_change_under_way_past_its_planned_end_goes_on(shop: Engine) -> None:
    late = {
        "status": "in_progress",
        "planned_start": now() - timedelta(hours=3),
        "planned_end": now() - timedelta(hours=1),
        "started_at": now() - timedelta(hours=2),
    }
    with transaction(shop) as session:
        plan(session, "CHG-1", ["disk"], **late)
    found = assess(shop, drafts=[draft(["node-a"], 1, 2)])
    assert told(found) == ["1-2 CHG-1+draft-1: Blog down Checkout at_risk"]
    assert found.notices == ["overrunning"]


def test_what_cannot_be_weighed_is_said(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["node-a", "old"], 1, 2)
        plan(session, "CHG-2", ["disk"])
        plan(session, "CHG-3", ["disk"], 2, 1)
    found = assess(shop, changes=["CHG-1"])
    assert [each.left_out_cis for each in found.changes] == [["old"]]
    assert [(each.number, each.reason.split(" (")[0]) for each in found.left_out] == [
        ("CHG-2", "has neither a planned_start nor a started_at"),
        ("CHG-3", "ends"),
    ]
    assert found.notices == ["left_out_cis", "left_out_changes"]


def test_named_changes_that_cannot_be_assessed_are_refused_with_the_reason(shop: Engine) -> None:
    with transaction(shop) as session:
        plan(session, "CHG-1", ["disk"], 1, 2, status="closed")
        plan(session, "CHG-2", ["disk"])
        plan(session, "CHG-3", ["disk"], 2, 1)
    with pytest.raises(ChangeNotAssessableError) as refused:
        assess(shop, changes=["CHG-1", "CHG-2", "CHG-3", "CHG-4"])
    reasons = {each.pointer: each.detail.split(" (")[0] for each in refused.value.errors}
    assert reasons == {
        "/changes/0": "CHG-1 is closed: it keeps nothing down any more",
        "/changes/1": "CHG-2 has neither a planned_start nor a started_at",
        "/changes/2": "CHG-3 ends",
        "/changes/3": "there is no change 'CHG-4'",
    }


def test_questions_that_cannot_be_answered_are_refused(shop: Engine) -> None:
    with pytest.raises(UnresolvedCIError) as refused:
        assess(shop, drafts=[draft(["disk"], 1, 2), draft(["node-a", "nod-b"], 1, 2)])
    assert refused.value.errors[0].pointer == "/drafts/1/cis/1"
    with pytest.raises(TooManyChangesError, match="3 changes overlap, at most 2"):
        assess(shop, most=2, drafts=[draft(["disk"], 1, 2)] * 3)
    with pytest.raises(InvalidInputError, match="before the window begins"):
        assess(shop, drafts=[draft(["disk"], 1, 2)], **within(5))
    for question in ({}, {"to": at(1)}, within(2, 1)):
        with pytest.raises(ValidationError):
            assess(shop, **question)
    with pytest.raises(ValidationError, match="planned_end is before planned_start"):
        assess(shop, drafts=[draft(["disk"], 2, 1)])
