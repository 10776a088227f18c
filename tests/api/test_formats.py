"""Formats and mappings over HTTP: shown, proposed, sent with a load, kept with one that waits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.services import Services
from opsatlas.actor import Role
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, problem

COMPOSE = b"services:\n  web:\n    image: nginx\n"
OURS = b'format = "compose"\n[classes]\n"*" = "middleware"\n'


def load(
    api: Asker, *files: tuple[str, bytes], mapping: bytes | None = None, **fields: Any
) -> httpx.Response:
    parts: list[tuple[str, tuple[str, bytes]]] = [("file", each) for each in files]
    if mapping is not None:
        parts.append(("mapping", ("ours.toml", mapping)))
    return api.request("POST", "/imports", files=parts, data=fields)


@pytest.fixture
def queued(api_settings: Settings) -> Iterator[Asker]:
    """An API that queues every load, and no worker that takes them."""
    settings = api_settings.model_copy(update={"import_background_bytes": 0})
    with in_process(Services(settings)) as api:
        yield api


def test_formats_are_listed_and_shown_to_readers(stable_api: Asker) -> None:
    reader = stable_api.as_(Role.READER)
    page = reader.get("/formats?limit=1000").json()
    names = [row["name"] for row in page["results"]]
    assert {"native_csv", "servicenow", "netbox", "spreadsheet"} <= set(names)
    for name in names:
        found = reader.get(f"/formats/{name}").json()
        assert found["format"] == name
        assert isinstance(tomllib.loads(found["mapping"]), dict)
    assert "did you mean" in str(problem(reader.get("/formats/netbx"), 404, "no_such_format"))
    problem(reader.get("/formats/..%2F..%2Fsecret"), 404, "no_such_format")
    problem(reader.upload("/formats/proposal", ("a.csv", "a,b\n1,2\n")), 403)


def test_a_mapping_is_proposed_for_one_table(stable_api: Asker) -> None:
    before = stable_api.row_counts()
    table = ("assets.csv", "Hostname;Serial No.\nhv-1;CZC1234\n")
    found = stable_api.upload("/formats/proposal", table).json()
    assert found["file"] == "assets.csv"
    assert tomllib.loads(found["mapping"])["fields"]
    problem(stable_api.upload("/formats/proposal", table, table), 422)
    problem(stable_api.upload("/formats/proposal", ("a.csv", "")), 422)
    problem(stable_api.upload("/formats/proposal", table, dry_run="true"), 422)
    assert stable_api.row_counts() == before


def test_a_mapping_comes_with_the_files(api: Asker) -> None:
    report = load(api, ("compose.yaml", COMPOSE), mapping=OURS, set=["project=shop"]).json()
    assert report["recognised"] == [
        {"file": "compose.yaml", "format": "compose", "why": "the load says so"}
    ]
    assert (report["source"], report["mapping"]) == ("compose", "ours.toml")
    (ci,) = api.get("/cis").json()["results"]
    assert ci["ci_class"] == "middleware"


def test_a_mapping_waits_with_a_load_in_the_background(queued: Asker) -> None:
    answer = load(queued, ("compose.yaml", COMPOSE), mapping=OURS, set=["project=shop"])
    assert answer.status_code == 202
    assert answer.json()["source"] == ""
    queued.services.worker.run_pending()
    report = queued.get(answer.headers["location"].removeprefix("/api/v1")).json()
    assert (report["state"], report["mapping"], report["source"]) == (
        "done",
        "ours.toml",
        "compose",
    )
    assert queued.get("/imports").json()["results"][0]["source"] == "compose"
    (ci,) = queued.get("/cis").json()["results"]
    assert ci["ci_class"] == "middleware"


def test_the_mapping_of_a_source_is_that_of_the_moment_of_the_upload(queued: Asker) -> None:
    folder = queued.services.settings.resolved_mapping_dir
    folder.mkdir()
    (folder / "team.toml").write_bytes(OURS)
    place = load(queued, ("compose.yaml", COMPOSE), source="team").headers["location"]
    (folder / "team.toml").unlink()
    queued.services.worker.run_pending()
    report = queued.get(place.removeprefix("/api/v1")).json()
    assert (report["mapping"], report["format"]) == ("team.toml", "compose")


def test_a_waiting_load_of_several_formats_without_a_source_ends_and_says_so(queued: Asker) -> None:
    place = load(queued, ("compose.yaml", COMPOSE), ("a.csv", b"name,ci_class\na,server\n"))
    queued.services.worker.run_pending()
    report = queued.get(place.headers["location"].removeprefix("/api/v1")).json()
    assert report["state"] == "failed"
    assert report["problems"][0]["code"] == "several_formats"


@pytest.mark.parametrize(
    ("mapping", "fields", "code"),
    [
        (b"[clases]", {}, "invalid_mapping"),
        (b"not toml", {}, "invalid_mapping"),
        (b"\xff", {}, "invalid_mapping"),
        (b"#" * 1_100_000, {}, "invalid_mapping"),
        (OURS, {"format": "netbox"}, "invalid_mapping"),
        (b'format = "composed"', {}, "invalid_input"),
        (OURS, {"set": ["projekt=x"]}, "invalid_mapping"),
        (None, {"set": ["project"]}, "invalid_input"),
        (None, {"set": ["=x"]}, "invalid_input"),
        (None, {"mappings": "x"}, "unknown_form_field"),
    ],
)
def test_a_mapping_or_an_option_that_cannot_be_is_refused(
    stable_api: Asker, mapping: bytes | None, fields: dict[str, Any], code: str
) -> None:
    before = stable_api.row_counts()
    problem(load(stable_api, ("compose.yaml", COMPOSE), mapping=mapping, **fields), 422, code)
    assert stable_api.row_counts() == before


def test_a_mapping_that_is_sent_as_a_text_is_refused(stable_api: Asker) -> None:
    answer = stable_api.upload("/imports", ("a.csv", "name,ci_class\n"), mapping="[classes]")
    problem(answer, 422, "invalid_request")


def test_a_mapping_of_a_source_that_is_broken_is_told(api: Asker) -> None:
    folder = api.services.settings.resolved_mapping_dir
    folder.mkdir()
    (folder / "team.toml").write_bytes(b"[clases]")
    found = problem(load(api, ("c.yaml", COMPOSE), source="team"), 422, "invalid_mapping")
    assert "team.toml" in found["detail"]
    problem(api.get("/formats/team"), 422, "invalid_mapping")


def test_secrets_reach_neither_the_database_nor_the_report(any_api: Asker) -> None:
    rows = "a,server,hunter2,postgres://app:hunter2@db/orders,ham1"
    header = "name,ci_class,db_password,dsn,site"
    report = any_api.load_csv(rows, header=header).json()
    assert report["state"] == "done"
    assert "hunter2" not in str(report)
    (found,) = report["problems"]
    assert (found["code"], found["severity"]) == ("secrets_left_out", "warning")
    assert "db_password, dsn" in found["message"]
    ci = any_api.get("/cis").json()["results"][0]
    assert ci["attributes"] == {"site": "ham1"}
    assert "hunter2" not in any_api.get("/audit").text
