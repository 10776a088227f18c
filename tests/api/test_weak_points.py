"""Weak points over HTTP: in a small company, in the seed company, and where there is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.asking import Asker, problem

KINDS = ("single_points", "hidden_dependencies", "no_spare", "circles", "no_infrastructure")

CIS = """\
name,ci_class,criticality
Checkout,business_service,1
Search,business_service,2
Reports,business_service,
orders-api,application,
api-1,container,
api-2,container,
hv-1,hypervisor,
search-1,server,
search-2,server,
"""
NEEDS = """\
dependent,provider,type,redundancy_group,min_up
Checkout,orders-api,depends_on,,
orders-api,api-1,runs_on,vms,1
orders-api,api-2,runs_on,vms,1
api-1,hv-1,runs_on,,
api-2,hv-1,runs_on,,
Search,search-1,runs_on,nodes,1
Search,search-2,runs_on,nodes,1
"""


@pytest.fixture
def company(api: Asker) -> Asker:
    """Checkout stands on one hypervisor behind a group, Search on two servers."""
    return load(api)


@pytest.fixture
def any_company(any_api: Asker) -> Asker:
    """The same, on each of the databases."""
    return load(any_api)


def load(asker: Asker) -> Asker:
    report = asker.upload("/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="test")
    assert report.json()["state"] == "done", report.text
    return asker


def ask(asker: Asker, query: str = "") -> dict[str, Any]:
    answer = asker.get(f"/weak-points{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in found]


def ci_id(asker: Asker, name: str) -> int:
    found: int = asker.get(f"/cis?name={name}").json()["results"][0]["id"]
    return found


def test_a_shared_hypervisor_is_a_single_point_hidden_behind_its_group(any_company: Asker) -> None:
    found = ask(any_company)
    assert names(found["single_points"]) == ["orders-api", "hv-1"]
    app, hypervisor = found["single_points"]
    assert (app["score"], app["taken_down"], app["hidden"]) == (4, 1, 0)
    assert app["services"][0]["behind"] == []
    assert (hypervisor["score"], hypervisor["taken_down"], hypervisor["hidden"]) == (4, 1, 1)
    service = hypervisor["services"][0]
    assert (service["name"], service["hidden"]) == ("Checkout", True)
    assert names(service["path"]) == ["hv-1", "api-1", "orders-api", "Checkout"]
    (group,) = service["behind"]
    assert (group["group"], group["dependent"]["name"]) == ("vms", "orders-api")
    assert (group["members"], group["up"], group["min_up"]) == (2, 0, 1)
    assert names(group["down"]) == ["api-1", "api-2"]
    (shared,) = found["hidden_dependencies"]
    assert (shared["group"], shared["shared"], names(shared["common"])) == ("vms", 1, ["hv-1"])
    assert names(shared["common"][0]["members_down"]) == ["api-1", "api-2"]
    assert names(found["no_infrastructure"]) == ["Reports"]
    assert found["services"] == [
        {"id": ci_id(any_company, "Checkout"), "name": "Checkout", "ci_class": "business_service",
         "criticality": 1, "single_points": 2}
    ]  # fmt: skip
    assert (found["examined"], found["truncated"]) == (9, False)


def test_incidents_so_far_raise_the_score_at_once(company: Asker) -> None:
    assert names(ask(company)["single_points"]) == ["orders-api", "hv-1"]
    for title in ("fan broken", "memory broken"):
        company.post("/incidents", {"title": title, "cis": ["hv-1"]})
    first = ask(company)["single_points"][0]
    assert (first["name"], first["incidents"], first["score"]) == ("hv-1", 2, 12)


def test_criticality_counts_and_a_change_of_it_is_seen(company: Asker) -> None:
    checkout = ci_id(company, "Checkout")
    assert ask(company)["single_points"][0]["score"] == 4
    version = company.get(f"/cis/{checkout}").headers["etag"]
    company.request(
        "PATCH", f"/cis/{checkout}", json={"criticality": 4}, headers={"If-Match": version}
    )
    assert ask(company)["single_points"][0]["score"] == 1


def test_a_second_hypervisor_mends_it(company: Asker) -> None:
    assert ask(company)["counts"]["hidden_dependencies"] == 1
    company.load_csv("hv-2,hypervisor", source="more")
    edges = company.get(f"/relationships?provider_id={ci_id(company, 'hv-1')}").json()["results"]
    company.request("DELETE", f"/relationships/{edges[0]['id']}")
    made = company.post(
        "/relationships", {"dependent": "api-1", "provider": "hv-2", "type": "runs_on"}
    )
    assert made.status_code == 201, made.text
    found = ask(company)
    assert found["counts"]["hidden_dependencies"] == 0
    assert names(found["single_points"]) == ["orders-api"]


def test_a_member_in_maintenance_or_reported_down_leaves_none_to_spare(any_company: Asker) -> None:
    assert ask(any_company)["no_spare"] == []
    any_company.request(
        "PATCH", f"/cis/{ci_id(any_company, 'search-2')}", json={"status": "maintenance"}
    )
    (group,) = ask(any_company)["no_spare"]
    assert (group["group"], group["up"], group["members"]) == ("nodes", 1, 2)
    assert (group["state"], group["weight"]) == ("no_spare", 3)
    assert [(each["name"], each["why"]) for each in group["missing"]] == [
        ("search-2", "maintenance")
    ]
    said = {"ci": "search-1", "state": "down", "source": "prometheus"}
    reported = any_company.post("/states", [said])
    assert reported.status_code < 300, reported.text
    (group,) = ask(any_company, "?kind=no_spare")["no_spare"]
    assert (group["state"], group["up"]) == ("broken", 0)
    assert {each["why"] for each in group["missing"]} == {"maintenance", "reported_down"}


def test_kinds_service_and_pages_narrow_the_lists_but_not_the_counts(company: Asker) -> None:
    found = ask(company, "?kind=single_point&limit=1&offset=1")
    assert names(found["single_points"]) == ["hv-1"]
    assert found["counts"] == dict.fromkeys(KINDS) | {"single_points": 2}
    assert [found[kind] for kind in KINDS[1:]] == [[], [], [], []]
    search = ask(company, "?service=Search")
    assert [search["counts"][kind] for kind in KINDS] == [0, 0, 0, 0, 0]
    checkout = ask(company, "?service=Checkout")
    assert [checkout["counts"][kind] for kind in KINDS] == [2, 1, 0, 0, 0]
    assert ask(company, "?service=Reports")["counts"]["no_infrastructure"] == 1
    error = problem(company.get("/weak-points?service=Chekcout"), 422, "unresolved_ci")
    assert "Checkout" in str(error)
    problem(company.get("/weak-points?kind=nonsense"), 422)


def test_everything_in_one_circle_is_one_circle_and_all_take_each_other_down(api: Asker) -> None:
    size = 60
    api.load_csv(*(f"s{each},technical_service" for each in range(size)))
    rows = "\n".join(f"s{each},s{(each + 1) % size},depends_on" for each in range(size))
    needs = ("needs.csv", f"dependent,provider,type\n{rows}\n")
    assert api.upload("/imports", needs, source="ring").json()["state"] == "done"
    found = ask(api, "?limit=3")
    assert found["counts"]["circles"] == 1
    (circle,) = found["circles"]
    assert (circle["size"], circle["length"], len(circle["way"])) == (size, size, 50)
    assert found["counts"]["single_points"] == size
    assert {each["taken_down"] for each in found["single_points"]} == {size - 1}
    assert found["counts"]["no_infrastructure"] == size


def test_an_empty_inventory_has_no_weak_points(api: Asker) -> None:
    found = ask(api)
    assert set(found["counts"].values()) == {0}
    assert (found["examined"], found["truncated"]) == (0, False)


def test_the_seed_companys_session_store_shares_a_rack(server: Asker) -> None:
    found = ask(server, "?limit=50")
    hidden = {(each["dependent"]["name"], each["group"]): each for each in
              found["hidden_dependencies"]}  # fmt: skip
    session_store = hidden["login-api", "session-store"]
    assert (session_store["members"], session_store["min_up"]) == (3, 2)
    assert "rack-ham1-a03" in names(session_store["common"])
    assert ["sso-idp", "vault"] in [sorted(names(each["way"])) for each in found["circles"]]
    assert {each["group"] for each in found["no_spare"]} == {"nodes", "machines"}
    of_checkout = ask(server, "?service=Checkout&kind=single_point&limit=100")
    assert {"pgbouncer-orders", "db-orders-01"} <= set(names(of_checkout["single_points"]))
    for point in of_checkout["single_points"]:
        affected = server.post("/impact", {"failed": [{"id": point["id"]}]}).json()["services"]
        down = [each["name"] for each in affected if each["state"] == "down"]
        assert "Checkout" in down
        assert len([name for name in down if name != point["name"]]) == point["taken_down"]
