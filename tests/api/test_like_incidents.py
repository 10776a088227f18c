"""Storms, duplicates, problem candidates and feedback over HTTP, as others see them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from api import keys
from bench.storms import START, Alert, Failure, alerts_of
from opsatlas.actor import SYSTEM, Role
from opsatlas.clock import now, rfc3339
from opsatlas.db.transaction import transaction
from tests.api.asking import Asker, problem

LATELY = now() - timedelta(minutes=40)


def _logged(alert: Alert, shift: timedelta) -> dict[str, Any]:
    return {
        "title": alert.title,
        "description": alert.description,
        "opened_at": rfc3339(alert.opened_at + shift),
        "cis": list(alert.cis),
    }


def _log(api: Asker, alerts: list[Alert]) -> dict[str, str]:
    """The failure of each alert by the number that it got."""
    shift = LATELY - START
    answer = api.post("/incidents", [_logged(alert, shift) for alert in alerts])
    assert answer.status_code == 201, answer.text
    numbers = [each["number"] for each in answer.json()]
    return dict(zip(numbers, (alert.failure for alert in alerts), strict=True))


def _get(api: Asker, path: str) -> dict[str, Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_storm_of_500_alerts_is_one_group_beside_one_of_20_and_ten_that_stand_alone(
    small: Asker,
) -> None:
    dice = random.Random(17)
    cis = ("db-1", "orders-api", "Checkout")
    alerts = alerts_of(Failure("one", 0, "k8s-nord", "orders-api", START, 30, cis), 500, dice)
    alerts += alerts_of(Failure("other", 7, "k8s-nord", "cart-api", START, 30, ()), 20, dice)
    for rule in (2, 4, 5, 9, 10, 11, 12, 13, 14, 15):
        alone = Failure(f"alone {rule}", rule, "k8s-ost", "stock-api", START, 30, ())
        alerts += alerts_of(alone, 1, dice)
    dice.shuffle(alerts)
    failures = _log(small, alerts)

    answer = _get(small, "/incidents/groups?members=1000")
    held = [
        Counter(failures[each["number"]] for each in group["incidents"])
        for group in answer["results"]
    ]
    assert held == [{"one": 500}, {"other": 20}]
    assert (answer["count"], answer["open_incidents"], answer["alone"]) == (2, 530, 10)

    more = alerts_of(Failure("one", 0, "k8s-nord", "orders-api", START, 30, cis), 1, dice)[0]
    asked = {"text": f"{more.title}\n{more.description}", "cis": ["db-1"]}
    told = small.post("/suggestions", asked).json()
    assert {failures[each["number"]] for each in told["duplicates"]} == {"one"}
    assert len(told["duplicates"]) == 10
    assert failures[told["duplicate_of"]] == "one"


def test_groups_come_in_pages(small: Asker) -> None:
    dice = random.Random(3)
    alerts = [
        alert
        for rule in (0, 2, 4)
        for alert in alerts_of(
            Failure(str(rule), rule, "k8s-nord", "cart-api", START, 20, ()), 3 + rule, dice
        )
    ]
    _log(small, alerts)
    first = _get(small, "/incidents/groups?limit=2&members=0")
    assert [each["count"] for each in first["results"]] == [7, 5]
    assert first["results"][0]["incidents"] == []
    assert first["previous"] is None
    second = _get(small, first["next"].removeprefix("/api/v1"))
    assert [each["count"] for each in second["results"]] == [3]
    assert second["next"] is None
    assert "offset=0" in second["previous"]


def test_problem_candidates_are_proposed_and_come_in_pages(small: Asker) -> None:
    texts = {
        "Printer of gate {n} silent": "zebra spooler queue stuck, labels do not come",
        "VPN lost at {n}": "tunnel renegotiation timed out at the home office",
    }
    for title, text in texts.items():
        rows = [{"title": title.format(n=n), "description": text} for n in range(3)]
        assert small.post("/incidents", rows).status_code == 201
    first = _get(small, "/problems/candidates?limit=1")
    assert (first["count"], first["considered"], len(first["results"])) == (2, 6, 1)
    second = _get(small, first["next"].removeprefix("/api/v1"))
    named = {each["name"] for each in (*first["results"], *second["results"])}
    assert len(named) == 2
    assert all(each["count"] == 3 for each in (*first["results"], *second["results"]))
    future = rfc3339(now() + timedelta(days=1))
    assert _get(small, f"/problems/candidates?since={future}")["count"] == 0


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "min_incidents=1", "similarity=0", "similarity=nan", "limit=0", "x=1"],
)
def test_a_question_for_candidates_that_makes_no_sense_is_refused(api: Asker, query: str) -> None:
    problem(api.get(f"/problems/candidates?{query}"), 422)


def test_restricted_incidents_are_in_no_group_and_no_candidate_of_others(small: Asker) -> None:
    rows = [
        {
            "title": f"Salary export of site {n} fails",
            "description": "kryptonite ledger locked by the nightly run",
            "visibility": ["payroll"],
        }
        for n in range(4)
    ]
    assert small.post("/incidents", rows).status_code == 201
    reader = small.as_(Role.READER)
    for path in ("/problems/candidates", "/incidents/groups"):
        assert _get(small, path)["count"] == 1
        hidden = reader.get(path)
        assert hidden.json()["count"] == 0
        assert "kryptonite" not in hidden.text
    asked = {"text": "Salary export fails: kryptonite ledger locked by the nightly run"}
    assert len(small.post("/suggestions", asked).json()["duplicates"]) == 4
    told = reader.post("/suggestions", asked).json()
    assert (told["duplicates"], told["duplicate_of"]) == ([], None)


def _responders(api: Asker, count: int) -> list[str]:
    with transaction(api.services.engine) as session:
        return [
            keys.create_key(session, api.services.pepper, Role.RESPONDER, f"team {n}", SYSTEM).key
            for n in range(count)
        ]


def test_not_helped_by_several_people_changes_the_order_of_the_very_next_answer(
    small: Asker,
) -> None:
    for number, workaround in (("KE-0001", "bounce it twice"), ("KE-0002", "move it elsewhere")):
        known = {
            "number": number,
            "title": "Kafka broker has under-replicated partitions",
            "symptoms": "under-replicated partitions after a broker restart",
            "workaround": workaround,
        }
        assert small.post("/known-errors", known).status_code == 201

    def order() -> list[str]:
        asked = {"text": "kafka: under-replicated partitions on a broker"}
        return [each["id"] for each in small.post("/suggestions", asked).json()["suggestions"]]

    before = order()
    assert set(before) == {"KE-0001", "KE-0002"}
    for n, key in enumerate(_responders(small, 3)):
        said = {"suggestion": before[0], "incident": f"INC-09{n}", "outcome": "not_helped"}
        headers = {"Authorization": f"Bearer {key}"}
        given = small.post("/feedback", said, headers=headers)
        assert given.status_code == 200, given.text
    assert given.json()["not_helped"] == 3
    assert order() == before[::-1]
    asked = {"text": "kafka: under-replicated partitions on a broker"}
    evidence = small.post("/suggestions", asked).json()["suggestions"][1]["evidence"]
    assert evidence["track_record"] == pytest.approx(1 / 5, abs=1e-3)
