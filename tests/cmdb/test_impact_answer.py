"""The answer as callers get it: names, reasons, order, counts, priority, contacts, limits."""

from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import Engine

from cmdb.impact_answer import TooManyFailedError, answer_impact
from cmdb.impact_schemas import ImpactAnswer, ImpactQuestion
from cmdb.moments import FutureMomentError
from cmdb.priority import DEFAULT_MATRIX
from cmdb.references import UnresolvedCIError
from cmdb.snapshots import GraphCache
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from tests.cmdb.rows import put_ci, put_relationship

_QUESTION = TypeAdapter(ImpactQuestion)


def ask(engine: Engine, failed: list[Any], **more: Any) -> ImpactAnswer:
    question = _QUESTION.validate_python({"failed": failed, **more})
    with reading(engine) as session:
        return answer_impact(
            session, GraphCache(), question, DEFAULT_MATRIX, max_failed=10, max_limit=500
        )


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Checkout -> orders-api -> db and 2 of 3 workers; Search -(optional)-> orders-api."""
    with transaction(engine) as session:
        checkout = put_ci(
            session,
            "Checkout",
            "business_service",
            criticality=1,
            owner="Payments",
            support_group="payments-oncall",
        )
        search = put_ci(session, "Search", "business_service", criticality=2, owner="Discovery")
        api = put_ci(session, "orders-api")
        database = put_ci(session, "db", "database")
        put_relationship(session, checkout, api)
        put_relationship(session, search, api, dependency="optional")
        put_relationship(session, api, database, type_="uses")
        for number in range(3):
            worker = put_ci(session, f"worker-{number}", "container")
            put_relationship(session, api, worker, type_="runs_on", group="workers", min_up=2)
    return engine


def test_each_service_comes_with_its_state_path_reasons_and_contact(shop: Engine) -> None:
    answer = ask(shop, ["db"])
    checkout, search = answer.services
    assert (checkout.name, checkout.state, checkout.distance) == ("Checkout", "down", 2)
    assert (search.name, search.state) == ("Search", "degraded")
    failed, api, service = checkout.path
    assert failed.because.model_dump(exclude_none=True) == {"kind": "failed"}
    assert api.because.model_dump(exclude_none=True) == {
        "kind": "required",
        "relationship_type": "uses",
        "provider": failed.id,
    }
    assert (service.name, service.because.provider) == ("Checkout", api.id)
    assert search.path[-1].because.kind == "optional"
    assert [contact.model_dump() for contact in answer.contacts] == [
        {"support_group": "payments-oncall", "owner": "Payments", "services": ["Checkout"]},
        {"support_group": None, "owner": "Discovery", "services": ["Search"]},
    ]


def test_a_broken_redundancy_group_says_how_many_were_needed(shop: Engine) -> None:
    at_risk = ask(shop, ["worker-0"])
    assert [(item.name, item.state) for item in at_risk.configuration_items] == [
        ("orders-api", "at_risk")
    ]
    assert at_risk.services == []
    broken = ask(shop, ["worker-0", "worker-1"])
    because = broken.services[0].path[1].because
    assert (because.kind, because.group) == ("redundancy", "workers")
    assert (because.members, because.up, because.min_up) == (3, 1, 2)


def test_counts_leave_out_the_failed_and_services_keep_a_failed_one(shop: Engine) -> None:
    answer = ask(shop, ["db", "Checkout"])
    assert answer.counts.model_dump() == {"down": 1, "degraded": 1, "at_risk": 0, "services": 2}
    assert [item.name for item in answer.failed] == ["db", "Checkout"]
    assert [item.name for item in answer.configuration_items] == ["orders-api", "Search"]
    checkout = answer.services[0]
    assert (checkout.name, checkout.distance, len(checkout.path)) == ("Checkout", 0, 1)


def test_the_priority_follows_from_the_worst_service_and_the_urgency(shop: Engine) -> None:
    answer = ask(shop, ["db"])
    assert answer.priority.model_dump() == {
        "impact": "high",
        "urgency": "high",
        "priority": 1,
        "label": "Critical",
        "reason": "Checkout (criticality 1) is down",
    }
    assert ask(shop, ["db"], urgency="low").priority.priority == 3
    assert ask(shop, ["worker-0"]).priority.reason == "no service is affected"


def test_limit_cuts_the_list_of_cis_alone_and_says_so(shop: Engine) -> None:
    answer = ask(shop, ["db"], limit=1)
    assert [item.name for item in answer.configuration_items] == ["orders-api"]
    assert answer.truncated
    assert answer.counts.down == 2
    assert len(answer.services) == 2
    assert not ask(shop, ["db"], limit=3).truncated
    assert ask(shop, ["db"], limit=0).configuration_items == []


def test_max_depth_leaves_out_what_is_farther_away(shop: Engine) -> None:
    answer = ask(shop, ["db"], max_depth=1)
    assert [item.name for item in answer.configuration_items] == ["orders-api"]
    assert answer.services == []


def test_services_are_ordered_by_state_criticality_distance_and_name(engine: Engine) -> None:
    with transaction(engine) as session:
        database = put_ci(session, "db")
        middle = put_ci(session, "middle")
        put_relationship(session, middle, database)
        for name, criticality, provider, dependency in (
            ("Z near", 2, database, "required"),
            ("A far", 2, middle, "required"),
            ("B near", 2, database, "required"),
            ("Unrated", None, database, "required"),
            ("Minor", 4, database, "required"),
            ("Top but degraded", 1, database, "optional"),
        ):
            service = put_ci(session, name, "business_service", criticality=criticality)
            put_relationship(session, service, provider, dependency=dependency)
    names = [service.name for service in ask(engine, ["db"]).services]
    assert names == ["B near", "Z near", "A far", "Minor", "Unrated", "Top but degraded"]


def test_the_same_ci_named_twice_fails_once(shop: Engine) -> None:
    assert [item.name for item in ask(shop, ["db", "DB"]).failed] == ["db"]


def test_questions_beyond_the_limits_are_refused_by_name(shop: Engine) -> None:
    with pytest.raises(TooManyFailedError, match="11 failed CIs"):
        ask(shop, ["db"] * 11)
    with pytest.raises(InvalidInputError, match="limit must be 0 to 500"):
        ask(shop, ["db"], limit=501)
    with pytest.raises(FutureMomentError):
        ask(shop, ["db"], as_of="2999-01-01T00:00:00Z")
    with pytest.raises(UnresolvedCIError):
        ask(shop, ["nope"])
