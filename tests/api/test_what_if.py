"""What if, why in full, and planned changes, over HTTP."""

from __future__ import annotations

from tests.api.asking import Asker, problem


def test_a_supposition_answers_before_after_and_the_difference(small: Asker) -> None:
    supposed = {"fail": ["db-2"]}
    answer = small.post("/impact", {"failed": ["db-1"], "what_if": supposed}).json()
    assert answer["services"] == []
    what_if = answer["what_if"]
    assert what_if["before"]["counts"]["at_risk"] == 1
    assert what_if["after"]["priority"]["priority"] == 1
    (checkout,) = what_if["difference"]["services"]
    assert (checkout["name"], checkout["before"], checkout["after"]) == (
        "Checkout",
        "operational",
        "down",
    )
    assert checkout["path"][1]["because"]["up"] == 1
    assert what_if["difference"]["worse"] == {"services": 1, "configuration_items": 3}


def test_a_plain_answer_says_nothing_of_what_was_not_asked(small: Asker) -> None:
    answer = small.post("/impact", {"failed": ["db-1"]}).json()
    assert {"explanation", "why", "what_if"}.isdisjoint(answer)
    more = small.post("/impact", {"failed": ["db-1"], "why": ["orders-api"]}).json()
    assert {"explanation", "what_if"}.isdisjoint(more)
    assert {name for name in more if name != "why"} == set(answer)


def test_explain_all_is_the_same_by_get_and_post(small: Asker) -> None:
    asked = {"failed": ["db-1", "db-2", "db-3"], "explain": "all", "why": ["orders-api"]}
    posted = small.post("/impact", asked).json()
    got = small.get("/impact", params=asked).json()
    for name in ("explanation", "why", "services"):
        assert got[name] == posted[name]
    facts = {each["name"]: len(each["rests_on"]) for each in posted["explanation"]}
    assert facts == {"db-1": 0, "db-2": 0, "orders-api": 2, "Checkout": 1}


def test_what_cannot_be_supposed_is_a_problem_with_its_place(small: Asker) -> None:
    for what_if, code, pointer in (
        ({"restore": ["db-2"]}, "contradictory_what_if", "/what_if/restore/0"),
        ({"fail": ["db-9"]}, "unresolved_ci", "/what_if/fail/0"),
        (
            {"remove_relationships": [{"id": 999}]},
            "unresolved_relationship",
            "/what_if/remove_relationships/0",
        ),
    ):
        refused = small.post("/impact", {"failed": ["db-1"], "what_if": what_if})
        assert problem(refused, 422, code)["errors"][0]["pointer"] == pointer
    problem(small.post("/impact", {"failed": []}), 422)


def test_recorded_changes_are_assessed_with_those_that_overlap(small: Asker) -> None:
    for number, start, end in ((1, 20, 22), (2, 21, 23)):
        day = "2150-03-04T"
        times = {"planned_start": f"{day}{start}:00:00Z", "planned_end": f"{day}{end}:00:00Z"}
        change = {"number": f"CHG-{number}", "title": "Patch", "cis": [f"db-{number}"], **times}
        assert small.post("/changes", change).status_code == 201
    found = small.post("/changes/assess", {"changes": ["CHG-1"]}).json()
    assert [each["changes"] for each in found["conflicts"]] == [["CHG-1", "CHG-2"]]
    assert found["services"][0]["state"] == "down"
    problem(small.post("/changes/assess", {"changes": ["CHG-9"]}), 422, "change_not_assessable")
    problem(small.post("/changes/assess", {}), 422)
