"""`POST /suspects` on the seed company and on a small one, with what the records know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from opsatlas.clock import now, rfc3339
from tests.api.asking import Asker, problem


def ask(api: Asker, symptoms: list[Any], **more: Any) -> dict[str, Any]:
    answer = api.post("/suspects", {"symptoms": symptoms, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("failed", ["db-orders-01", "san-ham1"])
def test_what_a_failed_ci_takes_down_leads_back_to_it(server: Asker, failed: str) -> None:
    impact = server.post("/impact", {"failed": [failed]}).json()
    seen = [
        {"ci": {"id": each["id"]}, "state": each["state"]}
        for each in impact["services"]
        if each["state"] != "at_risk"
    ]
    answer = ask(server, seen, limit=10)
    first = [each for each in answer["suspects"] if len(each["explains"]) == len(seen)]
    assert failed in [each["name"] for each in first]
    suspect = next(each for each in answer["suspects"] if each["name"] == failed)
    assert suspect["misses"] == []
    assert suspect["path"][0]["name"] == failed
    assert suspect["path"][0]["because"]["kind"] == "failed"
    assert suspect["path"][-1]["name"] == suspect["explains"][0]
    assert len(suspect["paths"]) == min(len(suspect["explains"]), 20)
    assert not answer["truncated"]


def test_past_incidents_are_counted_by_ci(server: Asker) -> None:
    answer = ask(server, ["Checkout"], limit=50)
    counted = {each["name"]: each["past_incidents"] for each in answer["suspects"]}
    incidents = server.get("/incidents", params={"limit": 1000}).json()["results"]
    assert any(counted.values())
    for name, count in counted.items():
        assert count == sum(name in each["cis"] for each in incidents), name


def test_a_change_within_the_window_makes_a_ci_the_first_suspect(small: Asker) -> None:
    before = ask(small, ["Checkout"])
    assert before["suspects"][0]["recent_changes"] == []
    small.post("/relationships", {"dependent": "Checkout", "provider": "db-1"})
    small.post("/relationships", {"dependent": "Checkout", "provider": "db-3"})
    begun = rfc3339(now() - timedelta(hours=2))
    change = {"title": "New parameters", "cis": ["db-3"], "started_at": begun}
    assert small.post("/changes", change).status_code == 201
    first = ask(small, ["Checkout"])["suspects"][0]
    assert first["name"] == "db-3"
    assert [each["title"] for each in first["recent_changes"]] == ["New parameters"]
    later = ask(small, ["Checkout"], window_hours=1)["suspects"]
    assert all(each["recent_changes"] == [] for each in later)


def test_two_databases_together_explain_what_one_does_not(small: Asker) -> None:
    names = ("Mail", "Post", "Shop", "Stock")
    small.load_csv(*(f"{name},business_service" for name in names))
    group = {"redundancy_group": "dbs", "min_up": 2}
    members = [
        {"dependent": service, "provider": f"db-{number}", **group}
        for service in names
        for number in (1, 2, 3)
    ]
    assert small.post("/relationships", members).status_code == 201
    answer = ask(small, [{"ci": name, "state": "down"} for name in names])
    pair = answer["pairs"][0]
    assert {each["ci_class"] for each in pair["configuration_items"]} == {"database"}
    assert set(pair["explains"]) == set(names)
    assert answer["suspects"][0]["name"].startswith("db-")


def test_each_answer_of_a_check_is_told(small: Asker) -> None:
    check = ask(small, ["Checkout"])["check_next"][0]
    assert check["name"] == "orders-api"
    assert check["if_affected"] == ["orders-api"]
    assert check["if_fine"] == ["Checkout"]


def test_a_ci_cannot_be_a_symptom_and_healthy(small: Asker) -> None:
    asked = {"symptoms": ["Checkout"], "healthy": ["db-1", "checkout"]}
    found = problem(small.post("/suspects", asked), 422, "symptom_is_healthy")
    assert [item["pointer"] for item in found["errors"]] == ["/healthy/1"]


def test_an_unknown_symptom_is_answered_with_its_place(small: Asker) -> None:
    asked = {"symptoms": ["Checkout", {"ci": "db-9", "state": "down"}]}
    found = problem(small.post("/suspects", asked), 422, "unresolved_ci")
    assert found["errors"][0]["pointer"] == "/symptoms/1"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"symptoms": []},
        {"symptoms": [{"ci": "Checkout", "state": "at_risk"}]},
        {"symptoms": ["Checkout"], "limit": 0},
        {"symptoms": ["Checkout"], "window_hours": -1},
        {"symptoms": ["Checkout"], "healthy": [{"ci": "db-1"}]},
    ],
)
def test_what_is_no_question_is_refused(small: Asker, asked: dict[str, Any]) -> None:
    problem(small.post("/suspects", asked), 422)
