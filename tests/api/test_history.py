"""Past moments over HTTP: as_of, history, and what differs between two of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from opsatlas.clock import now, rfc3339
from tests.api.asking import Asker, problem

HEADER = "dependent,provider,type,dependency,redundancy_group,min_up"


@pytest.fixture
def moments(api: Asker) -> tuple[Asker, str, str]:
    """A shop that changed: the moments before it was loaded, and before it changed."""
    before = rfc3339(now())
    api.load_csv("Checkout,business_service", "api,application", "db-1,database", "db-2,database")
    api.load_csv("Checkout,api,depends_on,,,", "api,db-1,depends_on,,,", header=HEADER)
    middle = rfc3339(now())
    ids = named(api)
    api.request("PATCH", f"/cis/{ids['db-1']}", json={"name": "db-old", "owner": "Ann"})
    found = api.get(f"/relationships?provider_id={ids['db-1']}").json()["results"]
    api.request("DELETE", f"/relationships/{found[0]['id']}")
    api.post("/relationships", {"dependent": "api", "provider": "db-2"})
    api.request("DELETE", f"/cis/{ids['db-1']}")
    return api, before, middle


def named(api: Asker, query: str = "") -> dict[str, int]:
    page = api.get(f"/cis?limit=100{query}")
    assert page.status_code == 200, page.text
    return {ci["name"]: ci["id"] for ci in page.json()["results"]}


def test_records_lists_and_neighbours_are_those_of_then(moments: tuple[Asker, str, str]) -> None:
    api, before, middle = moments
    ids = named(api, f"&as_of={middle}")
    assert set(ids) == {"Checkout", "api", "db-1", "db-2"}
    assert named(api, f"&as_of={before}") == {}
    assert set(named(api, f"&as_of={middle}&name=db-1&status=active")) == {"db-1"}
    assert set(named(api, "&name=db-old&status=retired")) == {"db-old"}
    then = api.get(f"/cis/{ids['db-1']}?as_of={middle}")
    assert (then.json()["name"], then.json()["owner"]) == ("db-1", None)
    assert then.headers["etag"] == '"1"'
    near = api.get(f"/cis/{ids['api']}/neighbours?as_of={middle}").json()["configuration_items"]
    assert [each["name"] for each in near] == ["api", "Checkout", "db-1"]
    today = api.get(f"/cis/{ids['api']}/neighbours").json()["configuration_items"]
    assert [each["name"] for each in today] == ["api", "Checkout", "db-2"]


def test_impact_of_a_past_moment_goes_by_the_names_and_relationships_of_then(
    moments: tuple[Asker, str, str],
) -> None:
    api, before, middle = moments
    answer = api.post("/impact", {"failed": ["db-1"], "as_of": middle}).json()
    assert [each["name"] for each in answer["services"]] == ["Checkout"]
    assert answer["as_of"] == middle
    assert api.get(f"/impact?failed=db-2&as_of={middle}").json()["services"] == []
    assert api.get("/impact?failed=db-2").json()["services"] != []
    found = problem(api.get(f"/impact?failed=db-1&as_of={before}"), 422, "unresolved_ci")
    assert "there was no CI 'db-1' at" in found["detail"]
    assert "nothing is known of before" in found["errors"][0]["hint"]


def test_a_diff_of_a_service_says_what_it_no_longer_stands_on(
    moments: tuple[Asker, str, str],
) -> None:
    api, before, middle = moments
    found = api.get(f"/diff?from={middle}&service=Checkout").json()
    cis = found["configuration_items"]
    assert [(each["name"], each["because"]) for each in cis["entered"]] == [("db-2", "linked")]
    assert [(each["name"], each["because"]) for each in cis["left"]] == [("db-1", "retired")]
    assert cis["changed"] == []
    ends = [
        [(each["dependent"]["name"], each["provider"]["name"]) for each in some]
        for some in (found["relationships"]["added"], found["relationships"]["removed"])
    ]
    assert ends == [[("api", "db-2")], [("api", "db-1")]]
    whole = api.get(f"/diff?from={before}&service=Checkout").json()["configuration_items"]
    assert {each["because"] for each in whole["entered"]} == {"created"}
    assert len(whole["entered"]) == 3


def test_a_diff_of_a_ci_says_which_values_differ(moments: tuple[Asker, str, str]) -> None:
    api, _, middle = moments
    (changed,) = api.get(f"/diff?from={middle}&ci=db-old").json()["configuration_items"]["changed"]
    assert {each["field"]: (each["before"], each["after"]) for each in changed["changes"]} == {
        "name": ("db-1", "db-old"),
        "status": ("active", "retired"),
        "owner": (None, "Ann"),
    }


def test_history_tells_of_the_relationships_too_where_asked(
    moments: tuple[Asker, str, str],
) -> None:
    api, _, middle = moments
    ci_id = named(api, f"&as_of={middle}")["db-1"]
    actions = [each["action"] for each in history(api, f"/cis/{ci_id}/history")]
    assert actions == ["retire", "update", "create"]
    both = history(api, f"/cis/{ci_id}/history?relationships=true")
    assert [(each["action"], each["entity"]) for each in both] == [
        ("retire", "ci"),
        ("delete", "relationship"),
        ("update", "ci"),
        ("create", "relationship"),
        ("create", "ci"),
    ]
    gone = both[1]["entity_id"]
    entries = history(api, f"/relationships/{gone}/history")
    assert [(each["action"], each["source"]) for each in entries] == [
        ("delete", None),
        ("create", "native"),
    ]
    then = api.get(f"/relationships/{gone}?as_of={middle}").json()
    assert (then["provider"]["name"], then["sources"]) == ("db-1", ["native"])
    problem(api.get(f"/relationships/{gone}"), 404, "no_such_relationship")


def test_the_list_of_relationships_is_that_of_then(moments: tuple[Asker, str, str]) -> None:
    api, before, middle = moments
    ids = named(api, f"&as_of={middle}")

    def ends(query: str) -> list[tuple[str, str]]:
        found = history(api, f"/relationships?{query}")
        return [(each["dependent"]["name"], each["provider"]["name"]) for each in found]

    assert ends("") == [("Checkout", "api"), ("api", "db-2")]
    assert ends(f"as_of={middle}") == [("Checkout", "api"), ("api", "db-1")]
    assert ends(f"as_of={middle}&provider_id={ids['db-1']}") == [("api", "db-1")]
    assert ends(f"as_of={middle}&ordering=-id&limit=1") == [("api", "db-1")]
    assert ends(f"as_of={before}") == []
    page = api.get(f"/relationships?as_of={middle}&limit=1&cursor=").json()
    assert page["count"] == 2
    assert f"as_of={middle.replace(':', '%3A')}" in page["next"]


def history(api: Asker, path: str) -> list[dict[str, Any]]:
    page = api.get(path)
    assert page.status_code == 200, page.text
    found: list[dict[str, Any]] = page.json()["results"]
    return found


def test_moments_and_questions_that_cannot_be_are_refused(api: Asker) -> None:
    api.load_csv("a,server")
    future = rfc3339(now() + timedelta(hours=1))
    paths = (
        *("/cis?", "/cis/1?", "/cis/1/neighbours?", "/impact?failed=a&"),
        *("/relationships?", "/relationships/1?"),
    )
    for path in paths:
        problem(api.get(f"{path}as_of={future}"), 422, "moment_in_future")
        problem(api.get(f"{path}as_of=yesterday"), 422, "invalid_request")
        problem(api.get(f"{path}as_of=0001-01-01T00:00:00%2B14:00"), 422, "invalid_input")
    past = "as_of=2026-01-01T00:00:00Z"
    problem(api.get(f"/cis?{past}&version=1"), 422, "invalid_query")
    problem(api.get(f"/cis?{past}&ordering=name"), 422, "invalid_query")
    problem(api.get(f"/cis?{past}&nosuch=1"), 422, "invalid_query")
    problem(api.get(f"/relationships?{past}&group_id=1"), 422, "invalid_query")
    problem(api.get(f"/relationships?{past}&type__gte=a"), 422, "invalid_query")
    problem(api.get(f"/cis/1?{past}"), 404, "no_such_ci")
    begun = "from=2026-01-01T00:00:00Z"
    problem(api.get(f"/diff?{begun}"), 422, "one_subject")
    problem(api.get(f"/diff?{begun}&ci=a&service=a"), 422, "one_subject")
    problem(api.get(f"/diff?{begun}&service=a"), 422, "no_service")
    problem(api.get(f"/diff?{begun}&ci=nope"), 422, "unresolved_ci")
    problem(api.get(f"/diff?from={rfc3339(now())}&to=2026-01-01&ci=a"), 422, "invalid_input")
