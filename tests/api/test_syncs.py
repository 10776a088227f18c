"""Sources are pulled: whole at first, then what changed; cut short, gone on with; on schedule."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from copy import deepcopy
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update

from api.services import Services
from api.syncs import queue_due, queue_sync, run_job, run_sync
from cmdb.pulling.models import SyncPage, SyncRun, SyncState
from cmdb.pulling.protocol import SourceUnavailableError
from cmdb.pulling.runs import SyncRunningError
from opsatlas.actor import SYSTEM, Role
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, keys_of, problem
from tests.api.company import serving as serving_api
from tests.cmdb.pulling.systems import (
    TOKEN,
    Fault,
    System,
    sample_backstage,
    sample_netbox,
    sample_servicenow,
    serving,
)
from tests.models import METADATA

ENDPOINTS = ["dcim/sites", "dcim/racks", "dcim/devices", "dcim/cables", "dcim/power-feeds"]
BY_PAGES = 5


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The three systems of the seed company behind one address."""
    monkeypatch.setenv("SYNC_TOKEN", TOKEN)
    made = System()
    made.tables, made.lists = sample_servicenow(), sample_netbox()
    made.entities = sample_backstage()
    with serving(made):
        yield made


def pulling(settings: Settings, system: System, **changes: Any) -> Settings:
    """Settings with the three sources; `changes` are of NetBox."""
    common = {"url": system.url, "token_env": "SYNC_TOKEN", "page_size": BY_PAGES}
    sources = {
        "netbox": {"kind": "netbox", "endpoints": ENDPOINTS, **common, **changes},
        "servicenow": {
            "kind": "servicenow",
            "user": "sync",
            "tables": ["cmdb_ci_server", "cmdb_rel_ci"],
            **common,
        },
        "backstage": {"kind": "backstage", **common},
    }
    return settings.model_copy(
        update={
            "sync_sources": json.dumps(sources),
            "sync_retry_pause": 0.01,
            "sync_max_tries": 3,
            "job_poll_interval": 0.05,
        }
    )


@pytest.fixture
def api(api_settings: Settings, system: System) -> Iterator[Asker]:
    """The API over an empty SQLite database; no worker runs."""
    with in_process(Services(pulling(api_settings, system))) as asker:
        yield asker


@pytest.fixture
def any_api(any_settings: Settings, system: System) -> Iterator[Asker]:
    """The same, once on each of the databases."""
    with in_process(Services(pulling(any_settings, system))) as asker:
        yield asker


def sync(api: Asker, name: str = "netbox", *, full: bool = False, dry_run: bool = False) -> Any:
    """A run, in this thread, as it stands afterwards."""
    held = api.services
    source = held.syncs[name]
    run = queue_sync(held.engine, source, SYSTEM, full=full, dry_run=dry_run, with_job=False)
    with suppress(SourceUnavailableError):
        run_sync(held.engine, held.settings, source, run.id, SYSTEM, time.sleep)
    return api.get(f"/syncs/{name}/runs/{run.id}").json()


def pages_of(api: Asker, run: int) -> int:
    with reading(api.services.engine) as session:
        return len(session.scalars(select(SyncPage.id).where(SyncPage.run_id == run)).all())


def device(system: System, name: str) -> dict[str, Any]:
    return next(each for each in system.lists["dcim/devices"] if each["name"] == name)


def count(api: Asker, path: str) -> int:
    return int(api.get(path, params={"limit": 1}).json()["count"])


@pytest.mark.parametrize("name", ["netbox", "servicenow", "backstage"])
def test_a_source_is_pulled_and_loaded(api: Asker, name: str) -> None:
    run = sync(api, name)
    assert (run["state"], run["mode"], run["error"]) == ("done", "full", None)
    assert run["report"]["state"] == "done"
    assert run["report"]["configuration_items"]["created"] == count(api, "/cis") > 10
    assert run["pages"] > 2
    (listed,) = api.get("/imports").json()["results"]
    assert (listed["id"], listed["source"], listed["format"]) == (run["import_id"], name, name)
    again = sync(api, name, full=True)
    unchanged = again["report"]["configuration_items"]
    assert (unchanged["created"], unchanged["updated"], unchanged["retired"]) == (0, 0, 0)


def test_the_second_run_reads_changes_alone_and_loads_them_with_what_they_refer_to(
    any_api: Asker, system: System
) -> None:
    sync(any_api)
    before = any_api.get("/relationships", params={"limit": 1000, "fields": "type"}).json()
    system.asked.clear()
    changed = device(system, "dns-01")
    changed |= {"serial": "NEW-1", "last_updated": f"{now() - timedelta(seconds=5):%FT%TZ}"}
    second = sync(any_api)
    # The site that changed last is read again, because runs overlap.
    assert (second["mode"], second["records"]) == ("incremental", 2)
    assert second["pages"] == len(ENDPOINTS)
    assert {each.parameters["last_updated__gte"] for each in system.asked} == {second["since"]}
    assert second["since"] == "2026-01-31T23:50:00Z"
    assert second["report"]["configuration_items"]["updated"] == 1
    assert second["report"]["relationships"]["created"] == 0
    assert any_api.get("/relationships", params={"limit": 1000, "fields": "type"}).json() == before
    third = sync(any_api)
    assert third["since"] > second["since"]
    assert third["report"] is None


def test_where_nothing_changed_nothing_is_loaded(api: Asker) -> None:
    sync(api)
    run = sync(api)
    assert (run["state"], run["mode"]) == ("done", "incremental")
    assert (run["records"], run["import_id"], run["report"]) == (1, None, None)
    assert count(api, "/imports") == 1


def test_a_cable_that_changed_alone_keeps_its_place_in_the_group(
    api: Asker, system: System
) -> None:
    sync(api)
    grouped = count(api, "/relationships")
    moment = f"{now():%FT%TZ}"
    system.lists["dcim/cables"][0] |= {"last_updated": moment, "description": "moved"}
    run = sync(api)
    assert run["records"] == 2
    assert run["report"]["relationships"]["created"] == 0
    assert count(api, "/relationships") == grouped


def test_an_interrupted_run_is_gone_on_with(any_api: Asker, system: System) -> None:
    total = len(sync(any_api, dry_run=True) and system.asked)
    system.asked.clear()
    system.faults.extend([None] * 3 + [Fault(status=500)] * 3)
    run = sync(any_api)
    assert (run["state"], run["pages"]) == ("interrupted", 3)
    assert "it answered 500 (tried 3 times)" in run["error"]
    assert count(any_api, "/cis") == 0
    system.asked.clear()
    system.faults.clear()
    resumed = sync(any_api)
    assert (resumed["state"], resumed["pages"], resumed["error"]) == ("done", total, None)
    assert len(system.asked) == total - 3
    assert resumed["report"]["configuration_items"]["created"] == count(any_api, "/cis") > 0
    assert pages_of(any_api, run["id"]) == 0
    assert pages_of(any_api, resumed["id"]) == total


def test_a_run_that_was_interrupted_as_full_goes_on_as_full(api: Asker, system: System) -> None:
    sync(api)
    system.faults.extend([None] * 2 + [Fault(cut="json")] * 3)
    assert sync(api, full=True)["state"] == "interrupted"
    system.faults.clear()
    assert sync(api)["mode"] == "full"


def test_an_incremental_run_that_was_interrupted_misses_nothing(api: Asker, system: System) -> None:
    sync(api)
    device(system, "dns-01").update(serial="NEW-1", last_updated=f"{now():%FT%TZ}")
    system.faults.extend([None] * 4 + [Fault(cut="connection")] * 3)
    cut = sync(api)
    assert (cut["state"], cut["pages"]) == ("interrupted", 4)
    system.faults.clear()
    run = sync(api)
    assert (run["state"], run["mode"], run["since"]) == ("done", "incremental", cut["since"])
    assert run["report"]["configuration_items"]["updated"] == 1


def test_what_changes_behind_the_reader_is_read_by_the_next_run(api: Asker, system: System) -> None:
    def change() -> None:
        soon, later = (f"{now() + timedelta(hours=hours):%FT%TZ}" for hours in (1, 2))
        system.lists["dcim/sites"][1] |= {"facility": "NEW", "last_updated": soon}
        system.lists["dcim/cables"][-1]["last_updated"] = later

    system.before[3] = change  # the sites were on the first page
    first = sync(api)
    assert sync(api)["since"] <= first["created_at"]
    (site,) = api.get("/cis", params={"name": "fra2"}).json()["results"]
    assert "NEW" in str(site["attributes"])


def test_pages_read_under_other_settings_are_not_gone_on_with(
    api_settings: Settings, system: System
) -> None:
    system.faults.extend([None] * 2 + [Fault(status=500)] * 3)
    with in_process(Services(pulling(api_settings, system))) as asker:
        assert sync(asker)["state"] == "interrupted"
    system.faults.clear()
    other = pulling(api_settings, system, endpoints=["dcim/racks"])
    with in_process(Services(other)) as asker:
        run = sync(asker)
        assert (run["state"], run["records"]) == ("done", len(system.lists["dcim/racks"]))


def test_a_full_run_does_not_go_on_with_an_incremental_one(api: Asker, system: System) -> None:
    total = sync(api)["records"]
    system.faults.extend([None] * 2 + [Fault(status=500)] * 3)
    assert sync(api)["mode"] == "incremental"
    system.faults.clear()
    run = sync(api, full=True)
    assert (run["mode"], run["records"], run["since"]) == ("full", total, None)


def test_what_was_read_a_day_ago_is_read_again(api: Asker, system: System) -> None:
    system.faults.extend([None] * 2 + [Fault(status=500)] * 3)
    sync(api)
    system.faults.clear()
    with transaction(api.services.engine) as session:
        session.execute(update(SyncRun).values(created_at=now() - timedelta(hours=25)))
    system.asked.clear()
    assert sync(api)["pages"] == len(system.asked)


def test_a_source_that_does_not_say_when_it_changed_is_read_whole(
    api: Asker, system: System
) -> None:
    for each in system.lists.values():
        for record in each:
            del record["last_updated"]
    sync(api)
    assert sync(api)["mode"] == "full"


def test_an_incremental_run_retires_nothing_that_came_otherwise(
    api_settings: Settings, system: System
) -> None:
    with in_process(Services(pulling(api_settings, system, retire=True))) as asker:
        sync(asker)
        asker.load_csv("by-hand,server", source="netbox")
        device(system, "dns-01").update(serial="S", last_updated=f"{now():%FT%TZ}")
        assert sync(asker)["report"]["configuration_items"]["retired"] == 0
        assert sync(asker, full=True)["report"]["configuration_items"]["retired"] == 1


def test_a_full_run_retires_what_is_gone_if_it_may_and_an_incremental_one_never(
    api_settings: Settings, system: System
) -> None:
    with in_process(Services(pulling(api_settings, system, retire=True))) as asker:
        sync(asker)
        system.lists["dcim/devices"].remove(device(system, "dns-01"))
        device(system, "hv-ham1-01").update(serial="S", last_updated=f"{now():%FT%TZ}")
        assert sync(asker)["report"]["configuration_items"]["retired"] == 0
        run = sync(asker, full=True)
        assert run["report"]["configuration_items"]["retired"] == 1
    with in_process(Services(pulling(api_settings, system))) as asker:
        system.lists["dcim/devices"].remove(device(system, "hv-ham1-01"))
        assert sync(asker, full=True)["report"]["configuration_items"]["retired"] == 0


def test_everything_is_read_again_after_some_days(api: Asker) -> None:
    first = sync(api)
    assert sync(api)["mode"] == "incremental"
    with transaction(api.services.engine) as session:
        old = now() - timedelta(days=8)
        session.execute(update(SyncRun).where(SyncRun.id == first["id"]).values(created_at=old))
    assert sync(api)["mode"] == "full"
    assert pages_of(api, first["id"]) == 0


def test_a_dry_run_says_what_would_change_and_leaves_nothing(api: Asker) -> None:
    before = api.row_counts()
    run = sync(api, dry_run=True)
    assert run["report"]["dry_run"]
    assert run["report"]["configuration_items"]["created"] > 10
    left = {name: rows for name, rows in api.row_counts().items() if rows != before[name]}
    assert left == {"sync_run": 1}
    assert sync(api)["mode"] == "full"


def test_a_load_that_is_refused_is_told_and_read_anew(api: Asker, system: System) -> None:
    names = [each["name"] for each in system.lists["dcim/racks"]]
    good = deepcopy(system.lists)
    system.lists["dcim/devices"][0]["name"] = "x" * 2000
    run = sync(api)
    assert run["state"] == "failed", names
    assert run["report"]["problems"][0]["file"] == "dcim_devices.json"
    assert count(api, "/cis") == 0
    system.lists = good
    assert (sync(api)["state"], count(api, "/cis") > 0) == ("done", True)


def test_two_processes_do_not_pull_one_source_at_once(any_api: Asker, system: System) -> None:
    held, refused = any_api.services, []

    def meanwhile() -> None:
        try:
            sync(any_api)
        except SyncRunningError as error:
            refused.append(error.code)
        problem(any_api.post("/syncs/netbox/run"), 409, "sync_running")
        run = any_api.get("/syncs/netbox").json()["last_run"]["id"]
        with pytest.raises(SyncRunningError):  # as a second worker with the same job
            run_sync(held.engine, held.settings, held.syncs["netbox"], run, SYSTEM, time.sleep)
        refused.append("same run")

    system.before[3] = meanwhile
    assert sync(any_api)["state"] == "done"
    assert refused == ["sync_running", "same run"]


def test_a_run_whose_process_died_is_taken_over_once_its_lease_is_over(
    any_api: Asker, system: System
) -> None:
    system.faults.extend([None] * 3 + [Fault(status=500)] * 3)
    run = sync(any_api)
    system.faults.clear()
    with transaction(any_api.services.engine) as session:
        moment = now() + timedelta(seconds=30)
        lost = {"state": SyncState.RUNNING, "lease_until": moment}
        session.execute(update(SyncRun).where(SyncRun.id == run["id"]).values(lost))
    problem(any_api.post("/syncs/netbox/run"), 409, "sync_running")
    with transaction(any_api.services.engine) as session:
        session.execute(update(SyncRun).values(lease_until=now() - timedelta(seconds=1)))
    system.asked.clear()
    again = sync(any_api)
    assert again["state"] == "done"
    assert len(system.asked) == again["pages"] - 3
    assert any_api.get(f"/syncs/netbox/runs/{run['id']}").json()["state"] == "interrupted"


def test_a_source_that_is_due_is_queued_once_whoever_looks(
    any_settings: Settings, system: System
) -> None:
    settings = pulling(any_settings, system, schedule="1h")
    with in_process(Services(settings)) as asker:
        held = asker.services
        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(queue_due, held.engine, held.syncs) for _ in range(8)]:
                each.result()
        jobs = asker.get("/jobs").json()["results"]
        assert [(job["kind"], job["payload"]["source"]) for job in jobs] == [
            ("cmdb.sync", "netbox")
        ]
        with reading(held.engine) as session:
            (run,) = session.scalars(select(SyncRun)).all()
        assert (run.state, run.actor) == ("queued", "system")


def test_a_job_goes_on_where_an_earlier_try_of_it_stopped(any_api: Asker, system: System) -> None:
    held = any_api.services
    answer = any_api.post("/syncs/netbox/run")
    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"
    (job,) = any_api.get("/jobs").json()["results"]
    system.faults.extend([None] * 3 + [Fault(status=503, headers={"Retry-After": "7200"})])
    with pytest.raises(SourceUnavailableError, match="asks to wait 7200 s"):
        run_job(held.engine, held.settings, held.syncs, job["payload"], time.sleep)
    read = len(system.asked) - 1
    run_job(held.engine, held.settings, held.syncs, job["payload"], time.sleep)
    run = any_api.get(answer.headers["Location"].removeprefix("/api/v1")).json()
    assert (run["state"], run["id"]) == ("done", answer.json()["id"])
    assert run["pages"] == len(system.asked) - 1
    assert read == 3
    asked = len(system.asked)
    run_job(held.engine, held.settings, held.syncs, job["payload"], time.sleep)
    assert len(system.asked) == asked


def test_a_token_that_is_refused_is_told_and_kept_nowhere(
    api_settings: Settings, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "another-s3cret-token"
    monkeypatch.setenv("SYNC_TOKEN", wrong)
    with in_process(Services(pulling(api_settings, system))) as asker:
        held = asker.services
        run_id = asker.post("/syncs/netbox/run").json()["id"]
        (job,) = asker.get("/jobs").json()["results"]
        run_job(held.engine, held.settings, held.syncs, job["payload"], time.sleep)
        run = asker.get(f"/syncs/netbox/runs/{run_id}").json()
        assert run["state"] == "interrupted"
        assert "answered 401 (the token, or the user, is wrong" in run["error"]
        assert system.asked[0].headers["authorization"] == f"Token {wrong}"
        with reading(held.engine) as session:
            for table in METADATA.sorted_tables:
                rows = session.execute(text(f'SELECT * FROM "{table.name}"')).all()
                assert wrong not in str(rows)


def test_a_redirect_to_another_host_ends_the_run(api: Asker, system: System) -> None:
    elsewhere = System()
    with serving(elsewhere) as other:
        system.faults.append(Fault(status=307, headers={"Location": f"{other}/api/dcim/sites/"}))
        held, source = api.services, api.services.syncs["netbox"]
        answer = api.post("/syncs/netbox/run").json()
        given = {"source": source.name, "run": answer["id"], "actor": "x", "role": "admin"}
        run_job(held.engine, held.settings, held.syncs, given | {"request_id": None}, time.sleep)
    assert elsewhere.asked == []
    run = api.get(f"/syncs/netbox/runs/{answer['id']}").json()
    assert (run["state"], "its token must not go" in run["error"]) == ("interrupted", True)


def test_the_list_says_how_each_source_stands(api: Asker) -> None:
    empty = api.get("/syncs").json()
    assert [(each["name"], each["last_run"]) for each in empty["results"]] == [
        ("netbox", None),
        ("servicenow", None),
        ("backstage", None),
    ]
    run = sync(api)
    found = api.get("/syncs/netbox").json()
    assert found["next_run_at"] is None
    assert found["last_run"] == {name: run[name] for name in found["last_run"]}
    assert (found["kind"], found["last_run"]["state"]) == ("netbox", "done")
    problem(api.get("/syncs/netbix"), 404, "no_such_sync")
    problem(api.post("/syncs/netbix/run"), 404, "no_such_sync")
    problem(api.get("/syncs/netbox/runs/999"), 404, "not_found")
    problem(api.get(f"/syncs/backstage/runs/{run['id']}"), 404, "not_found")
    problem(api.as_(Role.RESPONDER).post("/syncs/netbox/run"), 403, "role_too_low")


def test_a_server_pulls_what_is_due_and_says_when_it_will_again(
    api_settings: Settings, system: System
) -> None:
    services = Services(pulling(api_settings, system, schedule="1h"))
    with ExitStack() as stack:
        address = stack.enter_context(serving_api(services))
        http = stack.enter_context(httpx.Client(base_url=address, timeout=30))
        asker = Asker(http, services, keys_of(services))
        deadline = time.monotonic() + 30
        while True:
            found = asker.get("/syncs/netbox").json()
            if found["last_run"] and found["last_run"]["state"] == "done":
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        assert found["next_run_at"] > found["last_run"]["created_at"]
        assert count(asker, "/cis") > 10
        assert asker.get("/syncs/servicenow").json()["last_run"] is None
        answer = asker.post("/syncs/backstage/run", params={"dry_run": "true"})
        place = answer.headers["Location"].removeprefix("/api/v1")
        while (run := asker.get(place).json())["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        assert run["report"]["dry_run"]
