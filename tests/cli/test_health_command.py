"""`opsatlas health`: the report in words, as JSON and CSV, and as a gate with an exit code."""

from __future__ import annotations

import csv
import os
from io import StringIO

from tests.cli.conftest import Cli, plain_words


def test_the_report_names_score_checks_parts_and_findings_and_writes_them_all(shop: Cli) -> None:
    done = shop.done("health", "--csv", "findings.csv", "--check", "missing_required")
    told = plain_words(done.out)
    assert told.startswith("Health ")
    assert "9 configuration items: " in told
    assert "error: missing_required " in told
    assert "db-orders-01 (database 9): owner" in told
    assert "→ fill them in at the source" in told
    assert "Class Score CIs Errors Warnings Infos" in told
    assert "findings.csv" in done.err
    with (shop.folder / "findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {each["check"] for each in rows} == {"missing_required"}


def test_a_score_that_is_too_low_is_exit_code_one(shop: Cli) -> None:
    failed = shop("health", "--fail-under", "100", "--json")
    assert failed.code == 1
    assert failed.json["configuration_items"] == 9
    assert "is asked for" in failed.err


def test_a_part_passes_its_own_gate_and_its_findings_go_down_a_pipe(shop: Cli) -> None:
    part = ("--class", "database", "--owner", "", "--source", "native")
    done = shop.done("health", *part, "--csv", "-", "--fail-under", "0")
    rows = list(csv.DictReader(StringIO(done.out, newline="")))
    assert {each["name"] for each in rows} == {"db-orders-01"}


def test_an_empty_inventory_is_told_recorded_and_passes_no_gate(cli: Cli) -> None:
    empty = cli("health", "--record", "--fail-under", "0")
    assert empty.code == 1
    assert "no configuration items" in empty.out


def test_rules_of_an_admin_are_told_where_they_are_wrong(cli: Cli) -> None:
    cli.write("rules.toml", '[severity]\norphan = "of"\n')
    own = cli.with_settings(health_rules=os.fspath(cli.folder / "rules.toml"))
    refused = own("health", "--json")
    assert (refused.code, refused.json["code"]) == (1, "invalid_health_rules")
    assert "/severity/orphan" in refused.json["detail"]
    assert own("health", "--csv", "no/such/folder.csv").code == 2
