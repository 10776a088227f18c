"""The health report over HTTP: scores, findings page by page, CSV, the trend."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from api.cmdb_health import RECORD, DailyRecord, run_record
from api.services import Services
from opsatlas import jobs
from opsatlas.actor import Role
from opsatlas.db.transaction import reading
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, problem

CIS = "name,ci_class,owner,environment,serial_number\n"
ROWS = ("a,generic,Ann,,", "b,generic,Ann,test,", "c,generic,,test,", "=d,server,Bob,,SN-1")
RULE = '[[rules]]\nname = "short"\nrequire = { field = "name", matches = "?" }\nmessage = "short"\n'


@pytest.fixture
def sick(any_api: Asker) -> Asker:
    """Four CIs that are all orphans; one lacks what is required, two what is recommended."""
    report = any_api.upload("/imports", ("a.csv", CIS + "\n".join(ROWS)), source="one").json()
    assert report["configuration_items"]["created"] == 4
    return any_api


def test_the_report_has_scores_of_the_whole_and_of_every_part(sick: Asker) -> None:
    found = sick.as_(Role.READER).get("/cmdb-health").json()
    assert (found["configuration_items"], found["errors"], found["warnings"]) == (4, 1, 3)
    assert found["score"] == 37.5
    assert (found["completeness"], found["correctness"], found["compliance"]) == (70, 50, None)
    parts = [(each["name"], each["score"]) for each in found["owners"]]
    assert parts == [("Bob", 0), ("Ann", 50), ("", 50)]
    assert [each["name"] for each in found["classes"]] == ["server", "generic"]
    assert [(each["name"], each["configuration_items"]) for each in found["sources"]] == [
        ("one", 4)
    ]
    counts = {each["check"]: each["findings"] for each in found["checks"]}
    assert counts["orphan"] == 4
    assert counts["stale"] == 0
    part = sick.get("/cmdb-health", params={"owner": ["Ann", ""], "ci_class": "generic"}).json()
    assert (part["configuration_items"], part["score"]) == (3, 50)


def test_findings_come_page_by_page_errors_first(sick: Asker) -> None:
    first = sick.get("/cmdb-health/findings?limit=3").json()
    assert first["count"] == 8
    assert first["results"][0] == {
        "ci": {"id": 4, "name": "=d", "ci_class": "server"},
        "check": "missing_required",
        "category": "completeness",
        "severity": "error",
        "detail": "environment",
        "remedy": "fill them in at the source, or by hand",
        "other": None,
        "owner": "Bob",
        "sources": ["one"],
    }
    seen, place = first["results"], first["next"]
    while place is not None:
        page = sick.get(place.removeprefix("/api/v1")).json()
        seen, place = seen + page["results"], page["next"]
    assert [each["severity"] for each in seen] == ["error"] + ["warning"] * 4 + ["info"] * 3


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("check=orphan", 4),
        ("check=orphan&check=missing_required", 5),
        ("severity=info", 3),
        ("owner=Ann", 3),
        ("owner=", 2),
        ("ci_class=server&severity=warning", 1),
        ("source=one", 8),
        ("ci_class=rack", 0),
    ],
)
def test_findings_can_be_narrowed(sick: Asker, query: str, count: int) -> None:
    assert sick.get(f"/cmdb-health/findings?{query}").json()["count"] == count


def test_names_that_are_none_are_told(sick: Asker) -> None:
    for query in ("check=orphans", "ci_class=serve", "owner=An", "source=onn"):
        told = problem(sick.get(f"/cmdb-health/findings?{query}"), 422, "invalid_input")
        assert "did you mean" in told["detail"]
    problem(sick.get("/cmdb-health/findings?severity=bad"), 422, "invalid_request")
    problem(sick.get("/cmdb-health?chek=orphan"), 422, "unknown_parameter")
    problem(sick.get("/cmdb-health/trend?owner=Ann&ci_class=server"), 422, "invalid_input")


def test_findings_as_csv_are_whole_and_no_cell_is_a_formula(sick: Asker) -> None:
    asked = sick.get("/cmdb-health/findings?format=csv&limit=1")
    accepted = sick.get("/cmdb-health/findings", headers={"Accept": "text/csv"})
    assert asked.text == accepted.text
    assert asked.headers["content-type"] == "text/csv; charset=utf-8"
    assert "health-findings.csv" in asked.headers["content-disposition"]
    rows = list(csv.DictReader(StringIO(asked.text, newline="")))
    assert len(rows) == 8
    assert rows[0]["name"] == "'=d"
    whole = sick.get("/cmdb-health?format=csv").text.splitlines()
    assert whole[0].startswith("part,name,configuration_items,errors")
    assert whole[1].startswith("all,,4,1,3,0,37.5")
    assert len(whole) == 1 + 1 + 2 + 1 + 3


def test_the_report_follows_every_write_at_once(sick: Asker) -> None:
    assert sick.get("/cmdb-health").json()["errors"] == 1
    sick.request("PATCH", "/cis/4", json={"environment": "test"})
    assert sick.get("/cmdb-health").json()["errors"] == 0
    sick.post("/relationships", {"dependent": "a", "provider": "b"})
    assert sick.get("/cmdb-health/findings?check=orphan").json()["count"] == 2


def test_a_day_is_recorded_by_hand_and_seen_in_the_trend(sick: Asker) -> None:
    problem(sick.as_(Role.RESPONDER).post("/cmdb-health/record"), 403, "role_too_low")
    for _ in range(2):
        recorded = sick.post("/cmdb-health/record")
        assert (recorded.status_code, recorded.json()["score"]) == (200, 37.5)
    (today,) = sick.get("/cmdb-health/trend").json()["results"]
    assert (today["score"], today["configuration_items"]) == (37.5, 4)
    (anns,) = sick.get("/cmdb-health/trend?owner=Ann").json()["results"]
    assert anns["score"] == 50
    audit = sick.get("/audit?entity=health_snapshot").json()["results"]
    assert [each["after"] for each in audit] == [{"score": 37.5}] * 2


def test_the_rules_are_read_from_the_file_that_the_settings_name(
    api_settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE)
    settings = api_settings.model_copy(update={"health_rules": str(file)})
    with in_process(Services(settings)) as asker:
        asker.load_csv("a,generic", "long,generic")
        found = asker.get("/cmdb-health/findings?check=rule:short").json()
        assert [each["ci"]["name"] for each in found["results"]] == ["long"]
        assert asker.get("/cmdb-health").json()["compliance"] == 75
        file.write_text(RULE.replace("?", "*"))
        assert asker.get("/cmdb-health").json()["compliance"] == 100
        file.write_text(RULE.replace("name", "nam"))
        told = problem(asker.get("/cmdb-health"), 422, "invalid_health_rules")
        assert told["errors"][0]["pointer"] == "/rules/0/name"


def test_a_server_records_the_day_once_after_a_load(sick: Asker) -> None:
    held = sick.services

    def waiting() -> int:
        with reading(held.engine) as session:
            return jobs.counts(session).get("queued", 0)

    DailyRecord(
        held.engine, held.settings.model_copy(update={"health_record_after_loads": False})
    )()
    assert waiting() == 0
    chore = DailyRecord(held.engine, held.settings)
    chore()
    DailyRecord(held.engine, held.settings)()
    assert waiting() == 1
    held.worker.run_pending()
    assert len(sick.get("/cmdb-health/trend").json()["results"]) == 1
    assert sick.get("/jobs").json()["results"][0]["kind"] == RECORD
    DailyRecord(held.engine, held.settings)()
    assert waiting() == 0
    run_record(held.engine, held.settings, {})  # a second process had the same job
    assert sick.get("/audit?entity=health_snapshot").json()["count"] == 1


def test_an_empty_inventory_has_no_score(api: Asker) -> None:
    found = api.get("/cmdb-health").json()
    assert (found["configuration_items"], found["score"], found["classes"]) == (0, None, [])
    assert api.get("/cmdb-health/findings").json()["results"] == []
    assert api.get("/cmdb-health/findings?format=csv").text.count("\n") == 1
