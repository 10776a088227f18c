"""A load that is killed or interrupted: all of it or nothing, and the next one works."""

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

CIS, RELATIONSHIPS = 20_000, 60_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An inventory that takes seconds to load."""
    folder = tmp_path_factory.mktemp("large")
    items, relationships = folder / "items.csv", folder / "relationships.csv"
    rows = "".join(f"s{n},server,production\n" for n in range(CIS))
    items.write_text("name,ci_class,environment\n" + rows)
    pairs = [(n % CIS, (n * 7 + n // CIS + 1) % CIS) for n in range(RELATIONSHIPS)]
    rows = "".join(f"s{a},s{b},depends_on\n" for a, b in pairs if a != b)
    relationships.write_text("dependent,provider,type\n" + rows)
    return str(items), str(relationships)


@pytest.mark.slow
def test_a_load_that_is_killed_leaves_nothing_behind(cli: Cli, large: tuple[str, str]) -> None:
    cli.done("load", "items.csv")
    process = cli.start("load", *large)
    wait_until_it_writes(cli.data)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert counts(cli.data) == (9, 1)
    assert cli.done("load", *large, "--json").json["configuration_items"]["created"] == CIS


@pytest.mark.slow
def test_ctrl_c_undoes_a_load_and_says_so(cli: Cli, large: tuple[str, str]) -> None:
    cli.done("load", "items.csv")
    process = cli.start("load", *large, "--json")
    wait_until_it_writes(cli.data)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    told = json.loads(out)
    assert told["code"] == "interrupted"
    assert "nothing was written" in told["detail"]
    assert counts(cli.data) == (9, 1)
    assert cli.done("load", *large, "--json").json["configuration_items"]["created"] == CIS


def wait_until_it_writes(data: Path) -> None:
    """Wait until another process has held the write lock for longer than opening takes."""
    with sqlite3.connect(data / "opsatlas.db", timeout=0, isolation_level=None) as database:
        end = time.monotonic() + 60
        held = 0
        while held < 10:
            assert time.monotonic() < end, "the load does not write"
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
                held = 0
            except sqlite3.OperationalError:
                held += 1
            time.sleep(0.03)


def counts(data: Path) -> tuple[int, int]:
    """How many CIs and import runs there are; the database must be whole."""
    with sqlite3.connect(data / "opsatlas.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (cis,) = database.execute("SELECT count(*) FROM configuration_item").fetchone()
        (runs,) = database.execute("SELECT count(*) FROM import_run").fetchone()
    return cis, runs
