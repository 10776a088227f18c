"""`opsatlas sync` against a real server that speaks NetBox's API, on the database and over HTTP."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Cli, plain_words
from tests.cmdb.pulling.systems import TOKEN, Fault, System, sample_netbox, serving


@pytest.fixture
def system() -> Iterator[System]:
    """A NetBox with the seed company's racks and devices."""
    made = System()
    made.lists = sample_netbox()
    with serving(made):
        yield made


@pytest.fixture
def pulling(cli: Cli, system: System) -> Cli:
    """A command with that NetBox as a source."""
    token = cli.write("token", TOKEN + "\n")
    source = {"kind": "netbox", "url": system.url, "token_file": str(cli.folder / token)}
    source |= {"endpoints": list(system.lists), "schedule": "30d"}  # type: ignore[dict-item]
    settings = {"sync_sources": json.dumps({"racks": source}), "embedding_enabled": "false"}
    return cli.with_settings(**settings, sync_retry_pause="0.01", sync_max_tries="2")


def test_a_source_is_pulled_shown_and_listed(pulling: Cli, system: System) -> None:
    told = plain_words(pulling.done("sync", "racks", "--dry-run").out)
    assert "Read everything" in told
    assert "Dry run: nothing was written" in told
    assert "Loaded" in pulling.done("sync", "racks").out
    again = pulling.done("sync", "racks", "--json").json
    assert (again["state"], again["mode"], again["report"]) == ("done", "incremental", None)
    assert "Nothing has changed there." in pulling.done("sync", "racks").out
    listed: dict[str, Any] = pulling.done("sync", "--list", "--json").json
    (row,) = listed["results"]
    assert (row["name"], row["schedule"], row["last_run"]["state"]) == ("racks", "30d", "done")
    shown = plain_words(pulling.done("sync", "--list").out)
    assert "racks netbox 30d" in shown
    system.faults.extend([Fault(status=500)] * 2)
    cut = pulling("sync", "racks", "--full")
    assert cut.code == 1
    assert "interrupted: http://127.0.0.1" in plain_words(cut.out)
    assert TOKEN not in cut.out + cut.err


def test_ctrl_c_frees_the_run_at_once_and_the_next_one_goes_on(
    pulling: Cli, system: System
) -> None:
    process = pulling.start("sync", "racks", "--json")

    def interrupt() -> None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)  # until it has heard; then the answer comes

    system.before[2] = interrupt
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["code"]) == (130, "interrupted")
    assert "nothing was loaded" in json.loads(out)["detail"]
    (row,) = pulling.done("sync", "--list", "--json").json["results"]
    assert (row["last_run"]["state"], row["last_run"]["pages"]) == ("interrupted", 1)
    already = len(system.asked)
    run = pulling.done("sync", "racks", "--json").json
    assert (run["state"], run["pages"]) == ("done", len(system.asked) - already + 1)


def test_what_cannot_be_is_told(pulling: Cli) -> None:
    nobody = pulling("sync", "rack")
    assert (nobody.code, "did you mean 'racks'" in plain_words(nobody.err)) == (1, True)
    for wrong in ((), ("racks", "--list"), ("--list", "--full")):
        assert pulling("sync", *wrong).code == 2
    broken = pulling.with_settings(sync_sources='{"racks": {"kind": "netbox", "url": "x"}}')
    result = broken("sync", "--list")
    assert result.code == 2
    assert "OPSATLAS_SYNC_SOURCES/racks/url: it must be an address" in plain_words(result.err)


@pytest.mark.slow
def test_a_server_pulls_for_the_command(pulling: Cli, system: System) -> None:
    key = pulling.done("keys", "create", "--role", "admin", "--json").json["key"]
    pulling.done("sync", "racks")  # else the server finds that it is due
    system.asked.clear()
    with pulling.serving() as server:
        remote = pulling.with_settings(url=server.url, api_key=key)
        run = remote.done("sync", "racks", "--full", "--json").json
        assert (run["state"], run["report"]["state"]) == ("done", "done")
        assert system.asked
