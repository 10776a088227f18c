"""Keys with groups: what is restricted is nowhere for an outsider, whatever is asked."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from api.app import API
from opsatlas.actor import Role
from search.encoding import encode_missing
from tests.api.asking import Asker, InProcess, problem
from tests.api.company import load_small
from tests.search.conftest import HashingEmbedder

SECRET = "Zwiebelkuchen"
HIDDEN = {"known-errors": "SEC-KE", "incidents": "SEC-INC", "articles": "SEC-KB"}
ASKED = f"{SECRET} on the orders database, pool exhausted"


def member(asker: Asker, *groups: str, role: Role = Role.READER) -> Asker:
    """The same client with a new key of these groups."""
    made = asker.post("/keys", {"name": "member", "role": role.value, "groups": groups})
    assert made.status_code == 201, made.text
    assert made.json()["groups"] == sorted(each.lower() for each in groups)
    other = Asker(asker.http, asker.services, {role: made.json()["key"]})
    other.role = role
    return other


@pytest.fixture
def company(any_api: Asker) -> Asker:
    """A small company with records for the group `dba` alone, and others that name these."""
    load_small(any_api)
    text = f"{SECRET}: the pool of the orders database is exhausted"
    ended = {"status": "closed", "resolution_code": "fixed"}
    hidden: dict[str, dict[str, Any]] = {
        "known-errors": {"description": text, "workaround": text},
        "incidents": {"description": text, "known_error": "KE-1", "workaround": text} | ended,
        "articles": {"body": text, "tags": [SECRET]},
    }
    for noun, fields in hidden.items():
        own = {"number": HIDDEN[noun], "title": f"{SECRET} {noun}", "visibility": ["dba"]}
        about = {"cis": ["db-1"]}
        assert any_api.post(f"/{noun}", own | about | fields).status_code == 201
    more = [
        {"number": f"SEC-INC-{n}", "title": f"{SECRET} again", "visibility": ["dba"]}
        | {"description": text, "cis": ["db-1"]}
        for n in range(4)
    ]
    naming: dict[str, dict[str, Any]] = {
        "known-errors": {"number": "KE-1", "workaround": "restart the pool"},
        "incidents": {"number": "INC-1", "known_error": "SEC-KE", "description": "pool exhausted"},
        "articles": {"number": "KB-1", "known_errors": ["SEC-KE"], "superseded_by": ["SEC-KB"]},
        "changes": {"number": "CHG-1", "incidents": ["SEC-INC", "INC-1"], "cis": ["db-1"]},
    }
    assert any_api.post("/incidents", more).status_code == 201
    for noun, fields in naming.items():
        assert any_api.post(f"/{noun}", {"title": "Pool exhausted"} | fields).status_code == 201
    said = {"suggestion": "KE-1", "incident": "SEC-INC", "outcome": "resolved"}
    assert any_api.post("/feedback", said).status_code == 200
    encode_missing(any_api.services.engine, HashingEmbedder(), batch_size=64)
    return any_api


def readable_routes(asker: Asker) -> list[str]:
    """Every path that can be asked with GET, its braces filled with what there is."""
    transport = asker.http._transport
    assert isinstance(transport, InProcess)
    app: FastAPI = transport.app
    paths = [
        path.removeprefix(API)
        for path, item in app.openapi()["paths"].items()
        if "get" in item and path.startswith(API)
    ]
    filled = []
    for path in paths:
        noun = path.split("/")[1]
        numbers = [HIDDEN.get(noun, "CHG-1"), "INC-1", "KE-1", "KB-1"]
        values = numbers if "{number}" in path else ["1", "2", "3"] if "{id}" in path else ["small"]
        for value in values if "{" in path else [""]:
            start, end = path.find("{"), path.rfind("}")
            filled.append(f"{path[:start]}{value}{path[end + 1 :]}" if "{" in path else path)
    query = {
        "/events": "?after=0&follow=false",
        "/impact": "?failed=db-1",
        "/problems/candidates": "?since=2020-01-01T00:00:00Z&min_incidents=2",
    }
    return [path + query.get(path, "") for path in filled]


def answers(asker: Asker) -> dict[str, str]:
    """What comes back from every route that reads, headers too."""
    found = {}
    for path in readable_routes(asker):
        answer = asker.get(path)
        assert answer.status_code < 500, (path, answer.text)
        found[f"GET {path}"] = f"{answer.text} {dict(answer.headers)}"
    times = {"planned_start": "2150-01-01T00:00:00Z", "planned_end": "2150-01-02T00:00:00Z"}
    questions: list[tuple[str, dict[str, Any]]] = [
        ("/suggestions", {"text": "orders database: pool exhausted", "cis": ["db-1"], "limit": 50}),
        ("/suspects", {"symptoms": ["Checkout"]}),
        ("/changes/assess", {"drafts": [{"cis": ["db-1"], **times}]}),
        ("/impact", {"failed": ["db-1"]}),
    ]
    for path, body in questions:
        answer = asker.post(path, body)
        assert answer.status_code == 200, (path, answer.text)
        found[f"POST {path}"] = answer.text
    return found


def test_no_route_says_a_word_of_a_restricted_record_to_an_outsider(company: Asker) -> None:
    outsiders = [
        member(company),
        member(company, "payments", "db"),
        member(company, "payments", role=Role.RESPONDER),
    ]
    for outsider in outsiders:
        for route, text in answers(outsider).items():
            assert SECRET.lower() not in text.lower(), route
            if not any(number in route for number in HIDDEN.values()):
                assert "SEC-" not in text, route
    # The walk would have found it: those who may read it are told in many places.
    for insider in (member(company, "dba"), company):
        told = [route for route, text in answers(insider).items() if SECRET in text]
        assert {
            "GET /incidents",
            "GET /incidents/SEC-INC",
            "GET /known-errors",
            "GET /known-errors/SEC-KE",
            "GET /articles",
            "GET /articles/SEC-KB",
            "GET /incidents/groups",
            "POST /suggestions",
        } <= set(told)


def test_counts_are_of_what_a_caller_may_read(company: Asker) -> None:
    def counts(asker: Asker) -> list[int]:
        return [asker.get(f"/{noun}").json()["count"] for noun in HIDDEN]

    assert counts(company) == counts(member(company, "DBA", "else")) == [2, 6, 2]
    assert counts(member(company)) == counts(member(company, "payments")) == [1, 1, 1]
    outsider = member(company, "payments")
    points = outsider.get("/weak-points?service=Checkout").json()["single_points"]
    assert all(point["incidents"] == 0 for point in points)
    suspects = outsider.post("/suspects", {"symptoms": ["Checkout"]}).json()["suspects"]
    assert all(suspect["past_incidents"] == 0 for suspect in suspects)


def test_a_suggestion_rests_on_what_its_caller_may_read(company: Asker) -> None:
    def asked(asker: Asker) -> dict[str, Any]:
        answer = asker.post("/suggestions", {"text": ASKED, "limit": 50})
        return {each["id"]: each for each in answer.json()["suggestions"]}

    inside, outside = asked(member(company, "dba")), asked(member(company, "payments"))
    assert {"SEC-KE", "SEC-KB", "KE-1"} <= inside.keys()
    assert outside.keys() == {"KE-1"}
    assert inside["KE-1"]["incidents"] == ["SEC-INC"]
    assert inside["KE-1"]["evidence"]["solved"] == 1
    assert outside["KE-1"]["incidents"] == []
    evidence = outside["KE-1"]["evidence"]
    assert (evidence["solved"], evidence["last_used"], evidence["last_seen"]) == (0, None, None)


@pytest.mark.parametrize("noun", HIDDEN)
def test_to_an_outsider_a_restricted_record_is_one_that_does_not_exist(
    company: Asker, noun: str
) -> None:
    outsider = member(company, "payments", role=Role.RESPONDER)
    there, not_there = f"/{noun}/{HIDDEN[noun]}", f"/{noun}/NO-1"
    for method, options in (
        ("GET", {}),
        ("PATCH", {"json": {"title": "x"}}),
        ("PATCH", {"json": {"title": "x"}, "headers": {"If-Match": '"9"'}}),
        ("DELETE", {}),
    ):
        refused = problem(outsider.request(method, there, **options), 404, "no_such_record")
        missing = problem(outsider.request(method, not_there, **options), 404, "no_such_record")
        assert refused["detail"].replace(HIDDEN[noun], "NO-1") == missing["detail"]
    assert company.get(there).json()["version"] == 1


def test_a_responder_restricts_records_to_groups_of_its_own(company: Asker) -> None:
    responder = member(company, "payments", role=Role.RESPONDER)
    refused = responder.post("/incidents", {"title": "x", "visibility": ["dba"]})
    fault = problem(refused, 422, "visibility_excludes_caller")
    assert fault["errors"][0]["pointer"] == "/visibility"
    made = responder.post("/incidents", {"title": "x", "visibility": ["Payments", "dba"]})
    assert made.json()["visibility"] == ["dba", "payments"]
    number = made.json()["number"]
    assert member(company).get(f"/incidents/{number}").status_code == 404
    opened = responder.request("PATCH", f"/incidents/{number}", json={"visibility": []})
    assert opened.status_code == 200
    assert member(company).get(f"/incidents/{number}").status_code == 200


def test_what_is_no_group_is_refused_and_so_are_groups_of_an_admin(any_api: Asker) -> None:
    key = {"name": "k", "role": "reader"}
    fault = problem(any_api.post("/keys", key | {"groups": ["a;b"]}), 422)
    assert "no name of a group" in fault["detail"]
    admin = {"name": "k", "role": "admin", "groups": ["dba"]}
    problem(any_api.post("/keys", admin), 422, "groups_of_admin")
    bad = any_api.post("/incidents", {"title": "x", "visibility": ["a;b"]})
    assert "no name of a group" in problem(bad, 422)["errors"][0]["detail"]


def test_files_say_who_may_read_a_record(any_api: Asker) -> None:
    csv = "number,title,visibility\nI-1,from a table,dba; network\n"
    assert any_api.upload("/incidents/imports", ("incidents.csv", csv)).json()["state"] == "done"
    page = "---\nid: A-1\ntitle: a page\nvisibility: [DBA]\n---\nbody\n"
    assert any_api.upload("/articles/imports", ("a.md", page)).json()["state"] == "done"
    assert any_api.get("/incidents/I-1").json()["visibility"] == ["dba", "network"]
    assert any_api.get("/articles/A-1").json()["visibility"] == ["dba"]
    listed = any_api.get("/audit?entity=incident&entity_id=I-1").json()["results"]
    assert listed[0]["after"]["visibility"] == ["dba", "network"]
