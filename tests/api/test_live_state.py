"""What is reported of CIs, the services that follow, and maintenance, on both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from api.services import Services
from opsatlas.actor import Role
from opsatlas.clock import now, rfc3339
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, problem
from tests.api.company import load_small


@pytest.fixture
def live(any_settings: Settings) -> Iterator[Asker]:
    """The small company, asked as a responder; events wait for nothing."""
    eager = {"state_debounce": 0.0, "state_flap_changes": 50}
    with in_process(Services(any_settings.model_copy(update=eager))) as asker:
        load_small(asker)
        yield asker.as_(Role.RESPONDER)


def say(live: Asker, ci: Any, state: str, **more: Any) -> dict[str, Any]:
    answer = live.post("/states", {"ci": ci, "state": state, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def services(live: Asker, query: str = "") -> dict[str, str]:
    return {each["name"]: each["state"] for each in live.get(f"/services{query}").json()["results"]}


def events(live: Asker, after: int = 0) -> list[tuple[str, str, str]]:
    """Service, from and to of each event."""
    answer = live.get(f"/events?after={after}&follow=false")
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    told = [json.loads(line.removeprefix("data: ")) for line in lines]
    return [(each["service"]["name"], each["from"], each["to"]) for each in told]


def test_services_follow_what_is_reported_at_once(live: Asker) -> None:
    assert services(live) == {"Checkout": "operational"}
    say(live, "db-1", "down")
    assert services(live) == {"Checkout": "operational"}, "orders-api alone lost redundancy"
    say(live, {"source": "small", "key": "db2"}, "down", source="prometheus", message="no answer")
    (down,) = live.get("/services?state=down").json()["results"]
    assert (down["name"], down["state"], down["muted"]) == ("Checkout", "down", False)
    assert [step["name"] for step in down["path"]][-2:] == ["orders-api", "Checkout"]
    assert down["since"] is not None
    say(live, "db-1", "up")
    assert services(live, "?state=down&state=degraded") == {}
    assert events(live) == [
        ("Checkout", "operational", "down"),
        ("Checkout", "down", "operational"),
    ]


def test_a_degraded_report_degrades_what_requires_it(live: Asker) -> None:
    say(live, "orders-api", "degraded")
    assert services(live) == {"Checkout": "degraded"}
    say(live, "orders-api", "down", source="nagios")
    assert services(live) == {"Checkout": "down"}, "the worst of all sources counts"
    say(live, "orders-api", "up", source="nagios")
    assert services(live) == {"Checkout": "degraded"}, "each source takes back its own word alone"


def test_older_news_of_a_source_does_not_undo_newer(live: Asker) -> None:
    first = say(live, "orders-api", "down", reported_at="2026-03-04T10:00:00Z")
    assert first["outcome"] == "recorded"
    again = say(live, "orders-api", "down", reported_at="2026-03-04T10:00:00Z")
    assert (again["outcome"], again["id"]) == ("unchanged", first["id"])
    late = say(live, "orders-api", "up", reported_at="2026-03-04T09:59:59Z")
    assert (late["outcome"], late["state"]) == ("outdated", "down")
    later = say(live, "orders-api", "down", reported_at="2026-03-04T10:05:00Z")
    assert later["since"] == "2026-03-04T10:00:00Z", "it is down since the first report of that"
    assert live.get("/states").json()["count"] == 1


def test_a_report_counts_no_more_once_it_expired_though_nobody_writes(live: Asker) -> None:
    expired = say(live, "orders-api", "down", reported_at="2026-03-04T10:00:00Z", expires_in=60)
    assert expired["expired"]
    assert services(live) == {"Checkout": "operational"}
    say(live, "orders-api", "down", source="probe", expires_in=1)
    assert services(live) == {"Checkout": "down"}
    time.sleep(1.05)
    assert services(live) == {"Checkout": "operational"}
    live.services.live.look()  # what a server does every second
    assert events(live)[-1] == ("Checkout", "down", "operational")
    assert live.get("/states?expired=true").json()["count"] == 2
    assert live.get("/states?expired=false").json()["count"] == 0


def test_a_list_is_reported_all_or_none_and_says_what_is_wrong(live: Asker) -> None:
    before = live.row_counts()
    wrong = [{"ci": "db-1", "state": "down"}, {"ci": "db-9", "state": "down"}]
    found = problem(live.post("/states", wrong), 422, "unresolved_ci")
    assert found["errors"][0]["pointer"] == "/1/ci"
    future = {"ci": "db-1", "state": "down", "reported_at": "2190-01-01T00:00:00Z"}
    found = problem(live.post("/states", future), 422, "invalid_input")
    assert found["errors"][0]["pointer"] == "/reported_at"
    both = {"ci": "db-1", "state": "down", "expires_in": 5, "expires_at": "2026-01-01T00:00:00Z"}
    assert "not both" in str(problem(live.post("/states", both), 422, "invalid_request"))
    problem(live.as_(Role.READER).post("/states", wrong), 403)
    few = live.services.settings.state_max_reports
    many = [{"ci": {"id": 1}, "state": "up"}] * (few + 1)
    problem(live.post("/states", many), 422, "too_many_states")
    assert live.row_counts() == before
    twice = [
        {"ci": "db-1", "state": "down", "reported_at": "2026-03-04T10:00:02Z"},
        {"ci": "db-1", "state": "up", "reported_at": "2026-03-04T10:00:01Z"},
    ]
    outcomes = [each["outcome"] for each in live.post("/states", twice).json()]
    assert outcomes == ["recorded", "outdated"], "the newer of two reports in one list counts"


def test_who_reported_what_is_in_the_audit_trail_once(live: Asker) -> None:
    for _ in range(3):
        say(live, "db-1", "down", source="prometheus", message="no answer")
    state = say(live, "db-1", "up", source="prometheus")
    assert live.request("DELETE", f"/states/{state['id']}").status_code == 204
    problem(live.request("DELETE", f"/states/{state['id']}"), 404)
    trail = live.as_(Role.ADMIN).get("/audit?entity=ci_state&ordering=id").json()["results"]
    assert [each["action"] for each in trail] == ["create", "update", "delete"]
    assert trail[0]["after"]["source"] == "prometheus"


def test_ten_thousand_reports_at_once_take_little_time(live: Asker) -> None:
    cis = [{"name": f"node-{number}", "ci_class": "server"} for number in range(100)]
    admin = live.as_(Role.ADMIN)
    ids = [each["id"] for each in admin.post("/cis", cis).json()]
    body = [
        {"ci": {"id": ci}, "state": "down", "source": f"probe-{probe}", "expires_in": 600}
        for ci in ids
        for probe in range(100)
    ]
    begun = time.perf_counter()
    answer = live.post("/states", body)
    took = time.perf_counter() - begun
    assert (answer.status_code, len(answer.json())) == (200, 10_000)
    assert took < 15, f"{took:.1f} s"


@pytest.mark.parametrize("by", ["window", "status", "window of the service"])
def test_maintenance_mutes_what_only_it_explains(live: Asker, by: str) -> None:
    if by == "status":
        admin = live.as_(Role.ADMIN)
        (found,) = admin.get("/cis?name=orders-api").json()["results"]
        admin.request("PATCH", f"/cis/{found['id']}", json={"status": "maintenance"})
    else:
        _maintain(live, "Checkout" if by == "window of the service" else "orders-api")
    say(live, "orders-api", "down")
    (service,) = live.get("/services?state=down").json()["results"]
    assert service["muted"]
    assert services(live, "?muted=false") == {}
    assert events(live) == []


def test_a_failure_outside_of_the_maintenance_is_told_of_all_the_same(live: Asker) -> None:
    _maintain(live, "db-1")
    for name in ("db-1", "db-2"):
        say(live, name, "down")
    (service,) = live.get("/services?state=down").json()["results"]
    assert service["muted"], "without db-1 two of three databases are up"
    assert events(live) == []
    say(live, "db-3", "down")
    assert events(live) == [("Checkout", "operational", "down")]


def test_maintenance_that_begins_later_does_not_look_like_recovery(live: Asker) -> None:
    say(live, "orders-api", "down")
    window = _maintain(live, "orders-api")
    assert events(live) == [("Checkout", "operational", "down")]
    assert live.request("DELETE", f"/maintenance-windows/{window}").status_code == 204
    assert len(events(live)) == 1
    _maintain(live, "orders-api")
    say(live, "orders-api", "up")
    assert events(live)[1:] == [("Checkout", "down", "operational")], "recovery is told of"


def test_the_end_of_maintenance_tells_of_what_is_still_down(live: Asker) -> None:
    window = _maintain(live, "orders-api")
    say(live, "orders-api", "down", message="disk", source="nagios")
    assert events(live) == []
    live.request("DELETE", f"/maintenance-windows/{window}")
    assert events(live) == [("Checkout", "operational", "down")]


def test_a_window_that_is_over_is_refused(live: Asker) -> None:
    window = {"cis": ["db-1"], "reason": "x", "starts_at": "2026-01-01T00:00:00Z"}
    over = window | {"ends_at": "2026-01-01T02:00:00Z"}
    problem(live.post("/maintenance-windows", over), 422, "invalid_input")
    turned = window | {"ends_at": "2025-01-01T02:00:00Z"}
    problem(live.post("/maintenance-windows", turned), 422, "invalid_request")
    problem(live.request("DELETE", "/maintenance-windows/9"), 404, "not_found")


def test_the_list_of_services_has_pages_and_filters(live: Asker) -> None:
    admin = live.as_(Role.ADMIN)
    more = [
        {"name": f"s{number}", "ci_class": "business_service", "criticality": number}
        for number in (3, 2, 1)
    ]
    admin.post("/cis", more)
    say(live, "s3", "degraded")
    say(live, "s1", "degraded")
    say(live, "s2", "down")
    first = live.get("/services?limit=3").json()
    assert [each["name"] for each in first["results"]] == ["s2", "s1", "s3"]
    assert (first["count"], first["next"]) == (4, "/api/v1/services?limit=3&offset=3")
    last = live.get("/services?limit=3&offset=3&fields=name,state").json()
    assert last["results"] == [{"name": "Checkout", "state": "operational"}]
    assert (last["next"], last["previous"]) == (
        None,
        "/api/v1/services?limit=3&fields=name%2Cstate&offset=0",
    )
    assert services(live, "?state=operational") == {"Checkout": "operational"}
    found = problem(live.get("/services?state=dwon"), 422, "invalid_query")
    assert "'down'" in found["errors"][0]["hint"]
    problem(live.get("/services?owner=x"), 422, "invalid_query")
    problem(live.get("/services?ordering=name"), 422, "invalid_query")


def test_a_retired_ci_no_longer_counts(live: Asker) -> None:
    say(live, "orders-api", "down")
    admin = live.as_(Role.ADMIN)
    (found,) = admin.get("/cis?name=orders-api").json()["results"]
    admin.request("DELETE", f"/cis/{found['id']}")
    assert services(live) == {"Checkout": "operational"}


def _maintain(live: Asker, *cis: str) -> int:
    begin = now()
    window = {
        "cis": list(cis),
        "starts_at": rfc3339(begin),
        "ends_at": rfc3339(begin.replace(year=begin.year + 1, day=1)),
        "reason": "new disks",
    }
    answer = live.post("/maintenance-windows", window)
    assert answer.status_code == 201, answer.text
    made: int = answer.json()["id"]
    return made
