"""Loads over HTTP: at once, in the background, two at the same time, and seen whole or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api import inventory
from api.services import Services
from kb.inventory import load_inventory
from opsatlas.errors import UnavailableError
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, keys_of, problem
from tests.api.company import CIS, NEEDS, serving


def _rows(prefix: str, count: int) -> str:
    return "name,ci_class\n" + "".join(f"{prefix}-{row},server\n" for row in range(count))


def _ended(api: Asker, place: str) -> dict[str, Any]:
    for _ in range(300):
        report: dict[str, Any] = api.get(place).json()
        if report["state"] in ("done", "failed"):
            return report
        time.sleep(0.05)
    raise AssertionError(report)


def test_the_same_load_twice_changes_nothing_the_second_time(any_api: Asker) -> None:
    first, second = (
        any_api.upload("/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="x").json()
        for _ in range(2)
    )
    assert first["configuration_items"]["created"] == 5
    assert second["configuration_items"] == {
        "created": 0, "updated": 0, "unchanged": 5, "retired": 0, "rejected": 0,
        "in_review": 0,
    }  # fmt: skip
    assert second["relationships"]["unchanged"] == 4
    listed = any_api.get("/imports").json()["results"]
    assert [run["id"] for run in listed] == [second["id"], first["id"]]
    assert any_api.get(f"/imports/{first['id']}").json() == first


def test_a_large_load_is_done_in_the_background(any_settings: Settings) -> None:
    settings = any_settings.model_copy(
        update={"import_background_bytes": 1000, "job_poll_interval": 0.05}
    )
    services = Services(settings)
    with serving(services) as address, httpx.Client(base_url=address, timeout=30) as http:
        api = Asker(http, services, keys_of(services))
        answer = api.upload("/imports", ("cis.csv", _rows("host", 200)), source="big")
        assert answer.status_code == 202
        assert answer.json()["state"] == "queued"
        report = _ended(api, answer.headers["location"].removeprefix("/api/v1"))
        assert report["state"] == "done"
        assert (report["id"], report["source"]) == (answer.json()["id"], "big")
        assert report["configuration_items"]["created"] == 200
        assert api.get("/cis").json()["count"] == 200
        assert api.row_counts()["import_file"] == 0

        dry = api.upload("/imports", ("a.csv", _rows("other", 200)), dry_run="true", source="big")
        report = _ended(api, dry.headers["location"].removeprefix("/api/v1"))
        assert (report["dry_run"], report["configuration_items"]["created"]) == (True, 200)
        assert api.get("/cis").json()["count"] == 200

        bad = api.upload("/imports", ("a.csv", _rows("x", 200) + "y,srver\n"), source="big")
        report = _ended(api, bad.headers["location"].removeprefix("/api/v1"))
        assert report["state"] == "failed"
        assert (report["problems"][0]["row"], report["problems"][0]["column"]) == (202, "ci_class")
        assert api.get("/cis").json()["count"] == 200

        found = problem(api.upload("/imports", ("a.csv", _rows("x", 200)), format="xlsx2"), 422)
        assert "xlsx2" in found["detail"]


@pytest.fixture
def queued(api_settings: Settings) -> Iterator[Asker]:
    """An API that queues every load, and no worker that takes them."""
    settings = api_settings.model_copy(update={"import_background_bytes": 0})
    with in_process(Services(settings)) as api:
        yield api


def test_a_load_whose_worker_died_is_done_once_by_the_next(
    queued: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = queued.load_csv("a,server").headers["location"].removeprefix("/api/v1")
    actual = load_inventory

    def die(*_arguments: Any, **_options: Any) -> Any:
        raise UnavailableError("the machine went down")

    monkeypatch.setattr(inventory, "load_inventory", die)
    assert queued.services.worker.run_one()
    assert queued.get(place).json()["state"] == "running"
    assert queued.get("/cis").json()["count"] == 0
    monkeypatch.setattr(inventory, "load_inventory", actual)
    payload = queued.get("/jobs").json()["results"][0]["payload"]
    for _ in range(2):
        held = queued.services
        inventory.run_import(held.engine, held.settings, payload, held.load_board)
    report = queued.get(place).json()
    assert (report["state"], report["configuration_items"]["created"]) == ("done", 1)
    assert queued.get("/cis").json()["count"] == 1


def test_a_load_that_fails_for_a_reason_of_ours_ends_and_says_so(
    queued: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = queued.load_csv("a,server").headers["location"].removeprefix("/api/v1")

    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(inventory, "parse", fail)
    queued.services.worker.run_pending()
    report = queued.get(place).json()
    assert (report["state"], report["problems"][0]["code"]) == ("failed", "internal_error")
    assert "secret" not in str(report)
    assert queued.row_counts()["import_file"] == 0


def test_a_load_of_too_many_records_ends_and_says_so(api_settings: Settings) -> None:
    limits = {"import_background_bytes": 0, "import_max_records": 3}
    with in_process(Services(api_settings.model_copy(update=limits))) as api:
        place = api.load_csv(*(f"h{n},server" for n in range(4))).headers["location"]
        api.services.worker.run_pending()
        report = api.get(place.removeprefix("/api/v1")).json()
        assert (report["state"], report["problems"][0]["code"]) == ("failed", "too_large")


def test_two_loads_at_once_are_done_one_after_the_other(any_settings: Settings) -> None:
    services = Services(any_settings)
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        api = Asker(http, services, keys_of(services))
        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(
                    lambda source: api.upload(
                        "/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source=source
                    ),
                    ["one", "two", "one", "two"],
                )
            )
        reports = [answer.json() for answer in answers]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert {report["state"] for report in reports} == {"done"}
        assert sum(report["configuration_items"]["created"] for report in reports) == 5
        assert sum(report["relationships"]["created"] for report in reports) == 4
        assert api.get("/cis").json()["count"] == 5
        assert api.get("/relationships").json()["count"] == 4
        ids = sorted(report["id"] for report in reports)
        assert ids == [run["id"] for run in api.get("/imports?ordering=id").json()["results"]]


def test_a_reader_sees_the_inventory_before_a_load_or_after_it(
    any_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(any_settings)
    loaded, may_commit = threading.Event(), threading.Event()
    actual = load_inventory

    def slow(*arguments: Any, **options: Any) -> Any:
        report = actual(*arguments, **options)
        loaded.set()
        assert may_commit.wait(20)
        return report

    monkeypatch.setattr(inventory, "load_inventory", slow)
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        api = Asker(http, services, keys_of(services))
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(
                api.upload, "/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="x"
            )
            assert loaded.wait(20)
            assert api.get("/cis").json()["count"] == 0
            assert api.get("/relationships").json()["count"] == 0
            problem(api.post("/impact", {"failed": ["db-1"]}), 422, "unresolved_ci")
            may_commit.set()
            assert load.result().json()["state"] == "done"
        assert api.get("/cis").json()["count"] == 5
        assert api.post("/impact", {"failed": ["db-1", "db-2"]}).json()["counts"]["down"] == 2


def test_what_is_exported_loads_again_as_it_was(any_api: Asker, tmp_path_factory: Any) -> None:
    any_api.upload("/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="x")
    any_api.load_csv("1,twin,server,red", "2,twin,application,", header="key,name,ci_class,colour")
    any_api.upload("/imports", ("a.csv", "key,name,ci_class\nsvc,other,server\n"), source="y")
    any_api.request("DELETE", "/cis/5")
    exported = any_api.get("/export")
    folder = tmp_path_factory.mktemp("other")
    settings = Settings(_env_file=None, data_dir=folder, embedding_enabled=False)
    with in_process(Services(settings)) as other:
        report = other.upload("/imports", ("export.json", exported.content)).json()
        assert (report["state"], report["problems"]) == ("done", [])
        assert other.get("/export").json() == exported.json()


def test_tables_that_are_exported_load_again_as_they_were(
    any_api: Asker, tmp_path_factory: Any
) -> None:
    any_api.upload("/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="x")
    any_api.load_csv(
        "1,'=twin,server,4", "2,twin,application,", header="key,name,ci_class,cores:json"
    )
    exported = any_api.get("/export", params={"format": "csv"})
    assert exported.headers["content-type"] == "application/zip"
    folder = tmp_path_factory.mktemp("other")
    settings = Settings(_env_file=None, data_dir=folder, embedding_enabled=False)
    with in_process(Services(settings)) as other:
        report = other.upload("/imports", ("export.zip", exported.content)).json()
        assert (report["state"], report["problems"]) == ("done", [])
        (twin,) = other.get("/cis", params={"name": "=twin"}).json()["results"]
        assert twin["attributes"] == {"cores": 4}
        assert other.get("/export", params={"format": "csv"}).content == exported.content
    assert problem(any_api.get("/export", params={"format": "xls"}), 422)


def test_records_that_named_a_ci_find_it_once_it_is_loaded(any_api: Asker) -> None:
    report = any_api.upload("/incidents/imports", ("a.jsonl", '{"title": "x", "cis": ["db-1"]}'))
    assert report.json()["problem_counts"] == {"warning": 1}
    (incident,) = any_api.get("/incidents").json()["results"]
    assert incident["unresolved_cis"] == ["db-1"]
    any_api.upload("/imports", ("cis.csv", CIS))
    (incident,) = any_api.get("/incidents").json()["results"]
    assert incident["unresolved_cis"] == []


def test_records_that_named_a_ci_find_it_once_it_is_added(any_api: Asker) -> None:
    any_api.upload("/incidents/imports", ("a.jsonl", '{"title": "x", "cis": ["db-1"]}'))
    any_api.post("/cis", {"name": "DB-1", "ci_class": "database"})
    (incident,) = any_api.get("/incidents").json()["results"]
    assert incident["unresolved_cis"] == []
