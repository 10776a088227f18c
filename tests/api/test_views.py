"""Views over HTTP: formats and their types, states, the past, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import networkx as nx
import pytest

from api import view_examples
from cmdb.view_schemas import View
from opsatlas.clock import now, rfc3339
from tests.api.asking import Asker, problem

TYPES = {
    "json": "application/json",
    "graphml": "application/graphml+xml; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "tree": "text/plain; charset=utf-8",
}


def ci_id(api: Asker, name: str) -> int:
    found: int = api.get("/cis", params={"name": name}).json()["results"][0]["id"]
    return found


def ask(api: Asker, name: str, **asked: Any) -> dict[str, Any]:
    answer = api.get(f"/cis/{ci_id(api, name)}/view", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [node["name"] for node in found["nodes"]]


def test_a_view_tells_groups_by_name_on_either_database(stable_api: Asker) -> None:
    found = ask(stable_api, "Checkout")
    assert names(found) == ["Checkout", "orders-api", "db-1", "db-2", "db-3"]
    group = [edge for edge in found["edges"] if edge["kind"] == "redundancy"]
    assert {(e["group"], e["min_up"], e["members"], e["type"]) for e in group} == {
        ("dbs", 2, 3, "depends_on")
    }
    assert {node["state"] for node in found["nodes"]} == {"operational"}
    below = ask(stable_api, "db-1", direction="dependents", depth=1)
    assert (names(below), below["nodes"][1]["beyond"]) == (["db-1", "orders-api"], 1)
    folded = ask(stable_api, "orders-api", fold=2)["folded"]
    assert [(each["ci_class"], each["count"]) for each in folded] == [("database", 3)]


@pytest.mark.parametrize("form", TYPES)
def test_every_format_has_its_type(stable_api: Asker, form: str) -> None:
    path = f"/cis/{ci_id(stable_api, 'Checkout')}/view"
    answer = stable_api.get(path, params={"format": form})
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPES[form])
    assert "Checkout" in answer.text
    if form == "graphml":
        read = nx.read_graphml(io.BytesIO(answer.content))
        assert (len(read.nodes), len(read.edges)) == (5, 4)


def test_a_reported_state_and_what_follows_from_it_are_shown_at_once(small: Asker) -> None:
    small.post("/states", [{"ci": f"db-{each}", "state": "down"} for each in (1, 2)])
    found = ask(small, "Checkout", fold=2)
    states = {node["name"]: node["state"] for node in found["nodes"]}
    assert states == {"Checkout": "down", "orders-api": "down"}
    assert found["folded"][0]["states"] == {"down": 2}
    assert found["counts"]["by_state"] == {"down": 4}


def test_a_view_of_the_past_is_as_it_was_then_and_knows_no_states(small: Asker) -> None:
    then = rfc3339(now())
    version = small.get(f"/cis/{ci_id(small, 'db-3')}").headers["etag"]
    small.request("DELETE", f"/cis/{ci_id(small, 'db-3')}", headers={"If-Match": version})
    assert "db-3" not in names(ask(small, "Checkout"))
    before = ask(small, "Checkout", as_of=then)
    assert "db-3" in names(before)
    assert {node["state"] for node in before["nodes"]} == {None}
    assert before["counts"]["by_state"] is None
    assert before["as_of"] == then
    problem(small.get(f"/cis/{ci_id(small, 'db-3')}/view"), 404, "no_such_ci")


def test_what_cannot_be_is_refused(stable_api: Asker) -> None:
    path = f"/cis/{ci_id(stable_api, 'Checkout')}/view"
    problem(stable_api.get("/cis/999/view"), 404, "no_such_ci")
    for asked in ("format=svg", "depth=-1", "fold=1001", "max_nodes=0", "direction=up"):
        problem(stable_api.get(f"{path}?{asked}"), 422)
    beyond = problem(stable_api.get(f"{path}?max_nodes=100001"), 422, "invalid_input")
    assert "OPSATLAS_VIEW_MAX_NODES" in str(beyond)
    problem(stable_api.get(f"{path}?as_of=2190-01-01T00:00:00Z"), 422)
    cut = ask(stable_api, "Checkout", max_nodes=3)
    assert (cut["truncated"], len(cut["nodes"])) == (True, 3)


def test_the_example_is_a_view() -> None:
    assert View.model_validate(view_examples.VIEW, strict=True).model_dump() == view_examples.VIEW
