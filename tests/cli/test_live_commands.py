"""`opsatlas states`, `services`, `events`; docs/live-state.md, whose example runs as it stands."""

import json
import re
import subprocess
import time
from pathlib import Path

import httpx

from api.cli.serve import _LAST_REQUESTS as LAST_REQUESTS
from opsatlas.clock import parse_rfc3339
from tests.cli import warm
from tests.cli.conftest import Cli, address_of, plain_words

PAGE = (Path(__file__).parents[2] / "docs" / "live-state.md").read_text("utf-8")
EXAMPLE = PAGE.partition("## An example")[2].partition("\n## ")[0]
FENCES = re.findall(r"^```(bash)?\n(.*?)^```", EXAMPLE, re.MULTILINE | re.DOTALL)


def test_the_example_of_the_page_answers_as_the_page_says(cli: Cli) -> None:
    path = f"{warm.script().parent}:/usr/local/bin:/usr/bin:/bin"
    scripts = [text for kind, text in FENCES if kind]
    answers = [text for kind, text in FENCES if not kind]
    assert len(scripts) == len(answers) == 3
    for script, answer in zip(scripts, answers, strict=True):
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=cli.folder,
            env=cli.environment() | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for line in answer.splitlines():
            words = r"\s+".join(".*" if word == "…" else re.escape(word) for word in line.split())
            assert re.search(words, plain_words(done.stdout)), (line, done.stdout)


def test_states_are_reported_listed_and_followed(cli: Cli) -> None:
    now = cli.with_settings(state_debounce="0")
    now.done("load", "items.csv", "relationships.csv")
    receipt = now.done("states", "report", "orders-api", "--down", "--for", "30m", "--json").json
    assert (receipt["ci"]["name"], receipt["state"], receipt["source"]) == (
        "orders-api",
        "down",
        "manual",
    )
    assert len(now.done("states", "list", "--json").json["results"]) == 1
    down = now.done("services", "--state", "down", "--json").json
    assert [each["name"] for each in down["results"]] == ["Checkout"]
    told = now.done("events", "--after", "0", "--no-follow", "--json").out.splitlines()
    assert {json.loads(line)["service"]["name"] for line in told} == {"Checkout", "Reports"}
    shown = now.done("events", "--after", "0", "--no-follow").out
    assert "Checkout is down, was operational: orders-api > Checkout" in shown
    now.done("states", "report", "orders-api", "--up")
    assert "Nothing is reported" in now.done("states", "list").out
    wrong = now("states", "report", "orders-api", "--up", "--down")
    assert (wrong.code, "one of --down" in wrong.err) == (2, True)
    wrong = now("states", "report", "orders-api", "--up", "--for", "soon")
    assert (wrong.code, "30m" in wrong.err) == (2, True)


def test_maintenance_is_planned_mutes_and_is_ended(cli: Cli) -> None:
    cli.done("load", "items.csv", "relationships.csv")
    cli.done("states", "report", "orders-api", "--down")
    assert not cli.done("services", "--state", "down", "--json").json["results"][0]["muted"]
    planned = ("maintenance", "add", "orders-api", "--for", "2h", "--reason", "new disks")
    told = cli.done(*planned).out
    assert re.fullmatch(r"Maintenance 1: orders-api, \S+ \S+ to \S+ \S+ UTC\n", told)
    assert cli.done("services", "--state", "down", "--json").json["results"][0]["muted"]
    assert re.search(r"1 +orders-api +\S+ \S+ \(now\) ", cli.done("maintenance", "list").out)
    (window,) = cli.done("maintenance", "list", "--json").json["results"]
    lasts = parse_rfc3339(window["ends_at"]) - parse_rfc3339(window["starts_at"])
    assert (window["reason"], lasts.total_seconds()) == ("new disks", 7200)
    assert cli.done("maintenance", "end", "1", "--json").json == {"ended": 1}
    assert "No maintenance" in cli.done("maintenance", "list", "--all").out
    assert cli("maintenance", "end", "1", "--json").json["code"] == "not_found"
    wrong = cli("maintenance", "add", "orders-api", "--reason", "x")
    assert (wrong.code, "--until" in wrong.err) == (2, True)


def test_a_server_stops_at_once_although_somebody_listens(cli: Cli) -> None:
    key = cli.done("keys", "create", "--role", "reader", "--json").json["key"]
    process = cli.with_settings(embedding_enabled="false").start("serve", "--port", "0", "--json")
    headers = {"Authorization": f"Bearer {key}"}
    try:
        address = f"{address_of(process)}/api/v1/events"
        with httpx.stream("GET", address, headers=headers, timeout=30) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            begun = time.monotonic()
            process.terminate()
            assert not [line for line in lines if line.startswith("data")]
            assert process.wait(30) == 0, cli.log.read_text()
            assert time.monotonic() - begun < LAST_REQUESTS
    finally:
        process.kill()
        process.communicate()
