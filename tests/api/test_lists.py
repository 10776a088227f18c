"""Lists: pages without gap or repetition, cursors, filters, chosen fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.asking import Asker, problem


def _walk(api: Asker, path: str) -> Iterator[dict[str, Any]]:
    place: str | None = path
    while place is not None:
        page = api.get(place).json()
        yield from page["results"]
        place = page["next"] and page["next"].removeprefix("/api/v1")


@pytest.fixture
def ten(any_api: Asker) -> Asker:
    """Ten servers of two owners, in an order that is not that of their names."""
    rows = [f"host-{number * 7 % 10},server,{'AB'[number % 2]}" for number in range(10)]
    report = any_api.load_csv(*rows, header="name,ci_class,owner").json()
    assert report["configuration_items"]["created"] == 10
    return any_api


def test_pages_neither_repeat_nor_skip_where_the_order_does_not_tell_rows_apart(
    ten: Asker,
) -> None:
    for ordering in ("owner", "-owner", "ci_class", "created_at", "-created_at"):
        for limit in (1, 3, 10, 11):
            walked = [ci["id"] for ci in _walk(ten, f"/cis?limit={limit}&ordering={ordering}")]
            assert sorted(walked) == list(range(1, 11)), (ordering, limit)


def test_a_cursor_walk_sees_every_row_once_though_rows_come_meanwhile(ten: Asker) -> None:
    first = ten.get("/cis?limit=4&cursor=").json()
    assert first["previous"] is None
    ten.post("/cis", {"name": "late", "ci_class": "server"})
    rest = list(_walk(ten, first["next"].removeprefix("/api/v1")))
    names = [ci["name"] for ci in [*first["results"], *rest]]
    assert len(names) == len(set(names)) == 11


def test_a_cursor_walk_keeps_its_filters_and_fields(ten: Asker) -> None:
    walked = list(_walk(ten, "/cis?limit=2&cursor=&owner=A&fields=name,owner"))
    assert len(walked) == 5
    assert all(ci == {"name": ci["name"], "owner": "A"} for ci in walked)


def test_next_and_previous_lead_through_the_list_and_back(ten: Asker) -> None:
    first = ten.get("/cis?limit=4&name__isw=host").json()
    assert (first["count"], first["previous"]) == (10, None)
    second = ten.get(first["next"].removeprefix("/api/v1")).json()
    third = ten.get(second["next"].removeprefix("/api/v1")).json()
    assert (len(third["results"]), third["next"]) == (2, None)
    assert ten.get(second["previous"].removeprefix("/api/v1")).json() == first


FILTERS = {
    "name=host-3": 1,
    "name=host-3&name=host-4": 2,
    "name__n=host-3": 9,
    "name__ic=HOST-3": 1,
    "name__ic=%25": 0,
    "name__isw=Host": 10,
    "owner=A": 5,
    "owner=A&name=host-3": 0,
    "id__gte=9": 2,
    "id__lte=2&id__gte=2": 1,
    "support_group__empty=true": 10,
    "support_group__empty=false": 0,
    "created_at__gte=2000-01-01T00:00:00Z": 10,
    "created_at__lte=2000-01-01": 0,
    "offset=10": 10,
    "offset=1000000": 10,
}


def test_filters_say_which_rows_count(ten: Asker) -> None:
    assert {query: ten.get(f"/cis?{query}").json()["count"] for query in FILTERS} == FILTERS


def test_chosen_fields_come_alone_and_unknown_ones_are_named(ten: Asker) -> None:
    (only,) = ten.get("/cis?limit=1&fields=name,ci_class&ordering=name").json()["results"]
    assert only == {"name": "host-0", "ci_class": "server"}
    found = problem(ten.get("/cis?fields=name,colour"), 422, "invalid_query")
    assert "'colour'" in found["detail"]


def test_the_computed_id_of_a_record_can_be_chosen(any_api: Asker) -> None:
    any_api.post("/incidents", {"title": "x", "number": "INC-7"})
    assert any_api.get("/incidents?fields=id").json()["results"] == [{"id": "INC-7"}]


def test_records_are_listed_the_newest_first(any_api: Asker) -> None:
    any_api.post("/incidents", [{"title": "one"}, {"title": "two"}])
    titles = [each["title"] for each in any_api.get("/incidents").json()["results"]]
    assert titles == ["two", "one"]


def test_short_lists_have_pages_too(api: Asker) -> None:
    page = api.get("/ci-classes?limit=5&offset=20").json()
    assert (page["count"], len(page["results"]), page["next"]) == (22, 2, None)
    assert page["previous"] == "/api/v1/ci-classes?limit=5&offset=15"
    assert len(list(_walk(api, "/ci-classes?limit=5"))) == 22
