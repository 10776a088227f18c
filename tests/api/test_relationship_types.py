"""Relationship types and CI classes that admins edit, over HTTP."""

from __future__ import annotations

from opsatlas.actor import Role
from opsatlas.clock import now, rfc3339
from tests.api.asking import Asker, problem


def test_what_a_preview_says_is_what_the_edit_then_does(small: Asker) -> None:
    report = {"ci": "orders-api", "state": "down", "source": "test"}
    assert small.post("/states", report).status_code == 200
    edit = {"failure_direction": "none"}
    told = small.post("/relationship-types/depends_on/preview", edit).json()
    assert told["relationships"] == {"total": 4, "starting": 0, "stopping": 4}
    assert told["counts"] == {"touched": 1, "gaining": 0, "losing": 1, "worse": 0, "better": 1}
    (checkout,) = told["services"]
    assert checkout["stands_on"] == {"before": 4, "after": 0}
    assert checkout["single_points"] == {"before": 1, "after": 0}
    assert checkout["state"] == {"before": "down", "after": "operational"}
    assert _state(small) == "down"
    assert small.request("PATCH", "/relationship-types/depends_on", json=edit).status_code == 200
    assert _state(small) == "operational"
    again = small.post("/relationship-types/depends_on/preview", edit).json()
    assert again["counts"]["touched"] == 0


def _state(small: Asker) -> str:
    (service,) = small.get("/services").json()["results"]
    state: str = service["state"]
    return state


def test_an_edit_made_of_an_older_version_is_refused(small: Asker) -> None:
    for path in ("/relationship-types/uses", "/ci-classes/server"):
        tag = small.get(path).headers["etag"]
        first = small.request("PATCH", path, json={"label": "A"}, headers={"If-Match": tag})
        assert first.headers["etag"] != tag
        late = small.request("PATCH", path, json={"label": "B"}, headers={"If-Match": tag})
        problem(late, 412, "stale_version")
        assert small.get(path).json()["label"] == "A"


def test_anybody_may_look_at_the_effect_and_admins_alone_may_save_it(small: Asker) -> None:
    reader = small.as_(Role.READER)
    edit = {"failure_direction": "none"}
    assert reader.post("/relationship-types/uses/preview", edit).status_code == 200
    refused = reader.request("PATCH", "/relationship-types/uses", json=edit)
    problem(refused, 403, "role_too_low")
    problem(reader.request("DELETE", "/relationship-types/uses"), 403, "role_too_low")
    problem(small.post("/relationship-types/used/preview", edit), 404)


def test_the_past_is_answered_with_types_and_classes_that_are_gone(small: Asker) -> None:
    kind = {"name": "cools", "failure_direction": "provider_to_dependent"}
    assert small.post("/relationship-types", kind).status_code == 201
    fan = {"name": "hall", "parent": "business_service"}
    assert small.post("/ci-classes", fan).status_code == 201
    assert small.post("/cis", {"name": "Hall", "ci_class": "hall"}).status_code == 201
    need = {"dependent": "Hall", "provider": "db-1", "type": "cools"}
    made = small.post("/relationships", need).json()
    then = rfc3339(now())
    refused = problem(small.request("DELETE", "/relationship-types/cools"), 409, "in_use")
    assert "1 relationships" in refused["detail"]
    small.request("DELETE", f"/relationships/{made['id']}")
    for path in ("/relationship-types/cools",):
        assert small.request("DELETE", path).status_code == 204
        problem(small.get(path), 404)
    small.request("PATCH", "/relationship-types/depends_on", json={"failure_direction": "none"})
    asked = {"failed": ["db-1", "db-2"], "as_of": then}
    services = small.post("/impact", asked).json()["services"]
    assert [each["name"] for each in services] == ["Checkout", "Hall"]
    assert small.post("/impact", {"failed": ["db-1", "db-2"]}).json()["services"] == []


def test_deletions_are_audited(small: Asker) -> None:
    kind = {"name": "cools", "failure_direction": "none", "label": "Cools"}
    small.post("/relationship-types", kind)
    small.request("DELETE", "/relationship-types/cools")
    entry = small.get("/audit?entity=relationship_type&ordering=-id").json()["results"][0]
    assert (entry["action"], entry["before"]) == ("delete", kind)
