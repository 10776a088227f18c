"""Lists are read whole and once, whatever their pages do meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.importers.netbox.objects import KINDS
from cmdb.pulling.fetch import Fetcher
from cmdb.pulling.kinds import PULLERS
from cmdb.pulling.protocol import Ask, Puller, SourceRefusedError, Wanted
from cmdb.pulling.pull import Page, pull
from opsatlas.errors import TooLargeError
from tests.cmdb.pulling.systems import (
    QUICK,
    TOKEN,
    Fault,
    Record,
    System,
    sample_backstage,
    sample_netbox,
    sample_servicenow,
    serving,
    value,
)

SERVICENOW, NETBOX, BACKSTAGE = (PULLERS[name] for name in ("servicenow", "netbox", "backstage"))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[System, dict[str, Fetcher]]]:
    """A server, and a client of each kind."""
    system = System()
    with serving(system) as url, ExitStack() as stack:
        yield (
            system,
            {
                name: stack.enter_context(Fetcher(url, puller.headers("sync", TOKEN), QUICK))
                for name, puller in PULLERS.items()
            },
        )


@dataclass
class Reader:
    """Reads lists of the system."""

    system: System
    fetchers: dict[str, Fetcher]

    def __call__(
        self,
        puller: Puller,
        *lists: str,
        size: int = 3,
        since: datetime | None = None,
        reached: dict[str, Ask | None] | None = None,
        max_records: int = 1000,
    ) -> list[Page]:
        wanted, fetcher = Wanted(lists, size, since), self.fetchers[puller.NAME]
        return list(pull(puller, wanted, fetcher, reached or {}, max_records=max_records))


@pytest.fixture
def read(server: tuple[System, dict[str, Fetcher]]) -> Reader:
    """A reader of an empty system, to be filled."""
    server[0].empty()
    return Reader(*server)


@pytest.fixture
def system(read: Reader) -> System:
    """That system."""
    return read.system


def records(puller: Puller, pages: list[Page]) -> dict[str, list[Record]]:
    """What the files made of the pages hold, by file."""
    found = puller.files((page.list, json.loads(page.content)) for page in pages)
    return {file.name: puller.records(json.loads(file.content)) for file in found}


def ci(number: int, changed: str = "2026-01-01 00:00:00", **fields: str) -> Record:
    said = {"sys_id": f"{number:032x}", "name": f"ci-{number}", "sys_updated_on": changed, **fields}
    return {name: {"value": each, "display_value": each} for name, each in said.items()}


def device(number: int, changed: str = "2026-01-01T00:00:00Z", **fields: Any) -> Record:
    return {"id": number, "name": f"device-{number}", "last_updated": changed, **fields}


def entity(number: int, **metadata: str) -> Record:
    named = {"name": f"e-{number}", "uid": f"uid-{number:04}", **metadata}
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": named}


def test_servicenow_is_read_to_its_end(read: Reader, system: System) -> None:
    system.tables = sample_servicenow()
    pages = read(SERVICENOW, "cmdb_ci_server", "cmdb_rel_ci", size=5)
    found = records(SERVICENOW, pages)
    for table, expected in system.tables.items():
        ids = [value(each["sys_id"]) for each in found[f"{table}.json"]]
        assert sorted(ids) == sorted(value(each["sys_id"]) for each in expected)
    assert len(ids) == len(set(ids))
    asked = system.asked[1].parameters
    assert asked["sysparm_query"].startswith("sys_id>")
    assert asked["sysparm_query"].endswith("^ORDERBYsys_id")
    assert asked["sysparm_display_value"] == "all"
    assert system.asked[0].headers["authorization"].startswith("Basic ")


def test_netbox_is_read_to_its_end_whatever_its_largest_page(read: Reader, system: System) -> None:
    system.lists, system.max_page_size = sample_netbox(), 4
    found = records(NETBOX, read(NETBOX, *system.lists, size=1000))
    for name, expected in system.lists.items():
        read_ids = [each["id"] for each in found[f"{name.replace('/', '_')}.json"]]
        assert read_ids == sorted(each["id"] for each in expected)
    devices = [each for each in system.asked if each.path.endswith("/devices/")]
    assert {each.parameters["exclude"] for each in devices} == {"config_context"}


def test_backstage_is_read_by_its_cursors(read: Reader, system: System) -> None:
    system.entities = sample_backstage()
    found = records(BACKSTAGE, read(BACKSTAGE, size=5))["entities.json"]
    assert len(found) == len(system.entities)
    assert [set(each.parameters) for each in system.asked] == [
        {"limit", "orderField"},
        {"limit", "cursor"},
        {"limit", "cursor"},
    ]


def test_an_older_backstage_is_read_in_one_answer(read: Reader, system: System) -> None:
    system.entities, system.has_by_query = sample_backstage(), False
    found = records(BACKSTAGE, read(BACKSTAGE, size=5))["entities.json"]
    assert len(found) == len(system.entities)
    assert [each.path for each in system.asked] == [
        "/api/catalog/entities/by-query",
        "/api/catalog/entities",
    ]


def test_records_that_access_rules_hide_do_not_end_a_table(read: Reader, system: System) -> None:
    system.tables["cmdb_ci"] = [ci(number) for number in range(1, 13)]
    system.hidden = {f"{number:032x}" for number in (2, 4, 5, 6, 7, 8, 9)}
    found = records(SERVICENOW, read(SERVICENOW, "cmdb_ci"))["cmdb_ci.json"]
    assert [value(each["name"]) for each in found] == ["ci-1", "ci-3", "ci-10", "ci-11", "ci-12"]


@pytest.mark.parametrize("kind", ["servicenow", "netbox", "backstage"])
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    at=st.integers(1, 5),
    gone=st.sets(st.integers(1, 12), max_size=4),
    new=st.sets(st.sampled_from(range(1, 40, 2)), max_size=4),
    size=st.integers(1, 5),
)
def test_pages_that_shift_under_the_reader_hide_nothing_and_double_nothing(
    read: Reader, system: System, kind: str, at: int, gone: set[int], new: set[int], size: int
) -> None:
    make = {"servicenow": ci, "netbox": device, "backstage": entity}[kind]
    system.empty()
    rows = [make(number * 2) for number in range(1, 13)]
    system.tables["cmdb_ci"] = system.lists["dcim/devices"] = system.entities = rows

    def change() -> None:
        left = [make(number * 2) for number in range(1, 13) if number not in gone]
        left = [make(number) for number in new] + left[::-1]
        system.tables["cmdb_ci"] = system.lists["dcim/devices"] = system.entities = left

    system.before[at] = change
    lists = {"servicenow": ["cmdb_ci"], "netbox": ["dcim/devices"], "backstage": []}[kind]
    (found,) = records(PULLERS[kind], read(PULLERS[kind], *lists, size=size)).values()
    numbers = [_number(each) for each in found]
    assert len(numbers) == len(set(numbers))
    stayed = {number * 2 for number in range(1, 13) if number not in gone}
    assert stayed <= set(numbers) <= {number * 2 for number in range(1, 13)} | new


def _number(record: Record) -> int:
    name = record.get("name") or record["metadata"]["name"]
    return int(value(name).rpartition("-")[2])


def test_only_what_changed_is_asked_for(read: Reader, system: System) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    system.tables["cmdb_ci"] = [ci(1), ci(2, "2026-03-01 00:00:00"), ci(3, "2026-03-02 01:02:03")]
    system.lists["dcim/devices"] = [device(1), device(2, "2026-03-02T01:02:03.123456Z")]
    pages = read(SERVICENOW, "cmdb_ci", since=since, size=1)
    found = records(SERVICENOW, pages)["cmdb_ci.json"]
    assert [value(each["name"]) for each in found] == ["ci-2", "ci-3"]
    queries = [each.parameters["sysparm_query"] for each in system.asked]
    assert all(each.startswith("sys_updated_on>=2026-03-01 00:00:00^") for each in queries)
    assert max(page.newest for page in pages if page.newest) == datetime(
        2026, 3, 2, 1, 2, 3, tzinfo=UTC
    )
    system.asked.clear()
    (page,) = read(NETBOX, "dcim/devices", since=since)
    assert (page.records, page.newest) == (
        1,
        datetime(2026, 3, 2, 1, 2, 3, 123456, tzinfo=UTC),
    )
    assert system.asked[0].parameters["last_updated__gte"] == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize("kind", ["servicenow", "netbox", "backstage"])
def test_reading_goes_on_from_any_page(read: Reader, system: System, kind: str) -> None:
    rows = {"servicenow": ci, "netbox": device, "backstage": entity}[kind]
    made = [rows(number) for number in range(1, 8)]
    system.tables["cmdb_ci"] = system.tables["cmdb_rel_ci"] = made
    system.lists["dcim/devices"] = system.lists["dcim/sites"] = system.entities = made
    lists = {
        "servicenow": ["cmdb_ci", "cmdb_rel_ci"],
        "netbox": ["dcim/devices", "dcim/sites"],
        "backstage": [],
    }[kind]
    puller = PULLERS[kind]
    whole = read(puller, *lists)
    for cut in range(len(whole) + 1):
        reached: dict[str, Ask | None] = {}
        for page in whole[:cut]:
            kept = None if page.following is None else page.following.as_json()
            reached[page.list] = None if kept is None else Ask.from_json(kept)
        system.asked.clear()
        rest = read(puller, *lists, reached=reached)
        assert [page.content for page in rest] == [page.content for page in whole[cut:]]
        assert len(system.asked) == len(rest)


def test_a_record_that_came_twice_counts_as_it_was_read_last() -> None:
    old, new = ci(1, os="9"), ci(1, "2026-02-01 00:00:00", os="10")
    pages = [("cmdb_ci_server", {"result": [old]}), ("cmdb_ci_linux_server", {"result": [new]})]
    first, second = SERVICENOW.files(pages)
    (record,) = json.loads(first.content)["result"]
    assert value(record["os"]) == "10"
    assert json.loads(second.content) == {"result": []}
    later_read_but_older = SERVICENOW.files(reversed(pages))
    assert value(json.loads(later_read_but_older[0].content)["result"][0]["os"]) == "10"

    devices = [device(1), device(1, name="renamed")]
    (file,) = NETBOX.files(("dcim/devices", {"results": [each]}) for each in devices)
    assert [each["name"] for each in json.loads(file.content)["results"]] == ["renamed"]

    renamed, again = entity(1, name="other"), entity(7, name="other")
    (file,) = BACKSTAGE.files([("entities", [entity(1), renamed]), ("entities", [again])])
    assert json.loads(file.content) == [again]


def test_a_netbox_that_does_not_know_the_parameters_is_told_not_read_for_ever(
    read: Reader,
    system: System,
) -> None:
    system.lists["dcim/devices"] = [device(number) for number in range(1, 9)]
    system.takes_id_gt = False
    with pytest.raises(SourceRefusedError, match="do not move on"):
        read(NETBOX, "dcim/devices")


def test_more_records_than_a_load_may_have_end_the_reading(read: Reader, system: System) -> None:
    system.lists["dcim/devices"] = [device(number) for number in range(1, 20)]
    with pytest.raises(TooLargeError, match="more than 7 records"):
        read(NETBOX, "dcim/devices", max_records=7)


def test_a_partial_answer_of_servicenow_is_not_taken(read: Reader, system: System) -> None:
    system.tables["cmdb_ci"] = [ci(1), ci(2)]
    cancelled = {"error": {"message": "Transaction cancelled"}, "result": [ci(1)]}
    system.faults.append(Fault(body=json.dumps(cancelled).encode()))
    found = records(SERVICENOW, read(SERVICENOW, "cmdb_ci"))["cmdb_ci.json"]
    assert len(found) == 2


def test_every_list_that_is_read_unless_said_can_be_asked_for() -> None:
    for puller in PULLERS.values():
        assert all(puller.is_list(name) for name in puller.DEFAULT_LISTS)
    assert set(NETBOX.DEFAULT_LISTS) <= set(KINDS)
    assert not NETBOX.is_list("users/tokens")
