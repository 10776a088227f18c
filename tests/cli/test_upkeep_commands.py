"""`opsatlas db upgrade`, `reindex`, `--version`: what keeps an installation in order."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import httpx
import pytest

from opsatlas import __version__
from opsatlas.db import migrate
from tests.cli.conftest import Cli, plain_words


def test_a_database_is_brought_to_the_newest_schema_once(cli: Cli) -> None:
    newest = migrate.newest_schema()
    assert cli.done("db", "upgrade", "--json").json == {"before": None, "after": newest}
    assert cli.done("db", "upgrade", "--json").json == {"before": newest, "after": newest}


def test_reindex_encodes_what_is_new_and_nothing_twice(cli: Cli) -> None:
    cli.done("incidents", "load", "incidents.json")
    first = cli.done("reindex", "--json").json
    assert first["encoded"] > 0
    again = cli.done("reindex", "--json").json
    assert again["encoded"] == 0
    assert again["documents"]["unchanged"] == 2
    split = cli.with_settings(search_passage_words="20").done("reindex", "--json").json
    assert split["documents"]["updated"] == 2
    jobs = {each["name"]: each for each in cli.done("doctor", "--json").json["checks"]}["jobs"]
    assert jobs["detail"].startswith("0 to do")


def test_reindex_goes_over_to_another_model_and_back_without_encoding_again(cli: Cli) -> None:
    cli.done("incidents", "load", "incidents.json")
    passages = cli.done("reindex", "--json").json["encoded"]
    int8 = cli.with_settings(embedding_precision="int8")
    assert "the settings choose" in _check(int8, "next model")["detail"]
    told = int8.done("reindex", "--json")
    assert told.json["encoded"] == passages
    assert plain_words(told.err).count("-int8 serves now") == 1
    assert _check(int8, "index")["status"] == "ok"
    assert "next model" not in _checks(int8)
    assert cli.done("reindex", "--json").json["encoded"] == 0
    assert "next model" not in _checks(cli)


@pytest.mark.slow
def test_a_space_that_is_filled_beside_a_server_waits_for_it(cli: Cli) -> None:
    cli.done("incidents", "load", "incidents.json")
    int8 = cli.with_settings(embedding_precision="int8")
    with cli.serving() as server:
        server.ready_with_model()
        told = int8.done("reindex")
        assert "serves once no running process wants another" in plain_words(told.err)
        question = ("suggest", "the search has got sluggish", "--json")
        assert int8.done(*question).json["notices"] == []
    with int8.serving() as server:  # with the new settings it has nothing to encode
        server.ready_with_model()
        assert httpx.get(f"{server.url}/readyz", timeout=60).json()["next_model"] is None


def test_encoding_that_is_interrupted_is_kept_and_goes_on(cli: Cli) -> None:
    incidents = [
        {"number": f"INC-{n}", "title": f"Trouble {n}", "description": f"seen {n} " * 40}
        for n in range(150)
    ]
    cli.done("incidents", "load", cli.write("many.json", json.dumps(incidents)))
    process = cli.with_settings(embedding_batch_size="4").start("reindex", "--json")
    end = time.monotonic() + 60
    while not _encoded(cli):
        assert time.monotonic() < end, cli.log.read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "passages were encoded and are kept" in json.loads(told)["detail"]
    kept = _encoded(cli)
    assert 0 < kept < 300
    assert cli.done("reindex", "--json").json["encoded"] == 300 - kept


def _encoded(cli: Cli) -> int:
    with closing(sqlite3.connect(cli.data / "opsatlas.db")) as database:
        found: int = database.execute("SELECT count(*) FROM search_vector").fetchone()[0]
    return found


def _checks(cli: Cli) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in cli.done("doctor", "--json").json["checks"]}


def _check(cli: Cli, name: str) -> dict[str, str]:
    return _checks(cli)[name]


def test_the_version_is_told(cli: Cli) -> None:
    assert cli.done("--version").out.strip() == __version__
