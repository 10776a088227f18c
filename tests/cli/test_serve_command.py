"""`opsatlas serve`: says where it is, stops when told, and leaves the database whole."""

import json
import signal
import socket
import sqlite3

import httpx
import pytest

from tests.cli.conftest import Cli, address_of


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_answers_and_stops_on_sigterm(cli: Cli, workers: str) -> None:
    cli.done("load", "items.csv", "relationships.csv")
    process = cli.start("serve", "--port", "0", "--workers", workers, "--json")
    url = address_of(process)
    assert httpx.get(f"{url}/readyz", timeout=60).json()["status"] == "ready"
    assert httpx.get(f"{url}/api/v1/impact?failed=api-1").status_code == 401
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in cli.log.read_text().splitlines() if line[:1] == "{"]
    assert {"event", "level", "timestamp"} <= set(lines[-1])
    with sqlite3.connect(cli.data / "opsatlas.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert cli.done("impact", "api-1", "--json").json["counts"]["at_risk"] == 1


def test_a_new_installation_is_told_how_to_make_a_key(cli: Cli) -> None:
    process = cli.start("serve", "--port", "0")
    assert process.stdout is not None
    address, hint = process.stdout.readline(), process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert address.startswith(b"OpsAtlas listens on http://127.0.0.1:")
    assert b"opsatlas keys create --role admin" in hint
    assert process.returncode == 130


def test_a_port_that_is_taken_is_a_usage_error(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = cli("serve", "--port", str(port), "--json")
    assert result.code == 2
    assert f"127.0.0.1:{port}" in result.json["detail"]
    assert "in use" in result.json["detail"]


def test_an_address_that_is_not_ours_is_a_usage_error(cli: Cli) -> None:
    assert cli("serve", "--host", "192.0.2.1", "--port", "0").code == 2
    assert cli("serve", "--port", "99999").code == 2
