"""ETag and If-Match: nobody overwrites what somebody else has changed meanwhile."""

from __future__ import annotations

import pytest

from tests.api.asking import Asker, problem

RECORDS = {
    "/cis": ({"name": "a", "ci_class": "server"}, {"owner": "Payments"}),
    "/incidents": ({"title": "a"}, {"title": "b"}),
    "/known-errors": ({"title": "a"}, {"fix": "b"}),
    "/articles": ({"title": "a"}, {"body": "b"}),
    "/changes": ({"title": "a"}, {"status": "closed"}),
    "/relationships": ({"dependent": "x", "provider": "y"}, {"dependency": "optional"}),
}


@pytest.mark.parametrize("path", RECORDS)
def test_a_record_is_changed_only_as_it_was_read(any_api: Asker, path: str) -> None:
    new, patch = RECORDS[path]
    any_api.load_csv("x,server", "y,server")
    made = any_api.post(path, new)
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    place = made.headers["location"].removeprefix("/api/v1")
    read = any_api.get(place)
    assert (read.json(), read.headers["etag"]) == (made.json(), '"1"')

    changed = any_api.request("PATCH", place, json=patch, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    before = any_api.row_counts()
    for method in ("PATCH", "DELETE"):
        body = {"json": patch} if method == "PATCH" else {}
        late = any_api.request(method, place, headers={"If-Match": '"1"'}, **body)
        problem(late, 412, "stale_version")
    assert any_api.row_counts() == before
    assert any_api.get(place).json() == changed.json()

    again = any_api.request("PATCH", place, json=patch, headers={"If-Match": '"2"'})
    assert again.headers["etag"] == '"2"', "what changes nothing is no new version"
    assert any_api.request("DELETE", place, headers={"If-Match": '"2"'}).status_code == 204


@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [
        ("*", 200, None),
        (' "1" ', 200, None),
        ('"9"', 412, "stale_version"),
        ('W/"1"', 412, "unknown_tag"),
        ('"abc"', 412, "unknown_tag"),
        ('""', 412, "unknown_tag"),
        ('"01"', 412, "unknown_tag"),
        ('"99999999999999999999"', 412, "unknown_tag"),
        ("1", 400, "invalid_if_match"),
        ('"1", "2"', 400, "invalid_if_match"),
        ('"1', 400, "invalid_if_match"),
        ("", 400, "invalid_if_match"),
    ],
)
def test_a_condition_is_read_to_the_letter(
    api: Asker, tag: str, status: int, code: str | None
) -> None:
    api.post("/cis", {"name": "a", "ci_class": "server"})
    answer = api.request("PATCH", "/cis/1", json={"owner": "b"}, headers={"If-Match": tag})
    if code is None:
        assert answer.status_code == status
    else:
        problem(answer, status, code)
        assert api.get("/cis/1").json()["version"] == 1


def test_a_new_list_of_records_has_no_single_address(api: Asker) -> None:
    answer = api.post("/cis", [{"name": n, "ci_class": "server"} for n in "ab"])
    assert [ci["name"] for ci in answer.json()] == ["a", "b"]
    assert "location" not in answer.headers
