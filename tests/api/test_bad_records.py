"""Records that cannot be: refused with a pointer, on either database, and nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.asking import Asker, problem

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("bad_records.jsonl").read_text("utf-8").splitlines()
]
"""`pointer` is where the first fault must be found; null where the record as a whole is wrong."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['path']} {case['pointer']}")
def test_a_record_that_cannot_be_is_refused_where_it_is_wrong(
    stable_api: Asker, case: dict[str, Any]
) -> None:
    before = stable_api.row_counts()
    found = problem(stable_api.post(case["path"], case["body"]), case["status"])
    if case["pointer"] is not None:
        assert case["pointer"] in [item["pointer"] for item in found["errors"]], found
    assert stable_api.row_counts() == before


def test_an_unknown_ci_comes_with_the_nearest_names(stable_api: Asker) -> None:
    found = problem(stable_api.post("/impact", {"failed": ["orders-apy"]}), 422, "unresolved_ci")
    item = found["errors"][0]
    assert item["hint"] == "did you mean 'orders-api'?"
    assert item["candidates"] == [{"id": 2, "name": "orders-api", "ci_class": "application"}]
    assert item["value"] == "orders-apy"


def test_an_ambiguous_ci_comes_with_the_candidates(any_api: Asker) -> None:
    any_api.load_csv("1,gateway,server", "2,gateway,application", header="key,name,ci_class")
    found = problem(any_api.post("/impact", {"failed": ["Gateway"]}), 422, "unresolved_ci")
    assert found["errors"][0]["candidates"] == [
        {"id": 1, "name": "gateway", "ci_class": "server"},
        {"id": 2, "name": "gateway", "ci_class": "application"},
    ]
    one = any_api.post("/impact", {"failed": [{"name": "gateway", "ci_class": "server"}]})
    assert one.json()["failed"] == [{"id": 1, "name": "gateway", "ci_class": "server"}]


@pytest.mark.parametrize("path", ["/cis/1", "/relationships/1"])
@pytest.mark.parametrize("body", [{"nosuch": 1}, [], "x", {"status": 7}, {"dependency": []}])
def test_a_change_that_cannot_be_is_refused(stable_api: Asker, path: str, body: Any) -> None:
    before = stable_api.row_counts()
    problem(stable_api.request("PATCH", path, json=body), 422)
    assert stable_api.row_counts() == before


@pytest.mark.parametrize("path", ["/cis/99", "/relationships/99", "/incidents/INC-9"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_does_not_exist_can_be_neither_read_nor_changed(
    stable_api: Asker, path: str, method: str
) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
    problem(stable_api.request(method, path, **body), 404)


def test_a_class_of_the_interface_keeps_its_place(stable_api: Asker) -> None:
    patch = {"json": {"parent": "database"}}
    problem(stable_api.request("PATCH", "/ci-classes/server", **patch), 409, "built_in")


def test_dependencies_in_a_circle_are_fine(any_api: Asker) -> None:
    any_api.load_csv("a,server", "b,server", "c,server")
    ring = [{"dependent": a, "provider": b} for a, b in ("ab", "bc", "ca")]
    assert any_api.post("/relationships", ring).status_code == 201
    counts = any_api.post("/impact", {"failed": ["a"]}).json()["counts"]
    assert counts["down"] == 2


def test_a_question_longer_than_the_setting_is_refused(api: Asker) -> None:
    problem(api.post("/suggestions", {"text": "x" * 100_001}), 413, "too_large")


def test_text_in_every_script_comes_back_as_it_was(any_api: Asker) -> None:
    title = "Zahlung schlägt fehl 💥 支払い エラー \u202eabc"
    made = any_api.post("/incidents", {"title": title}).json()
    assert any_api.get(f"/incidents/{made['number']}").json()["title"] == title
