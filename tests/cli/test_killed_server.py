"""A server that is killed while the real model encodes: the next one goes on where it was."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import httpx
import pytest

from tests.cli.conftest import Cli, address_of

NUMBERS = range(60)
SYMPTOMS = ("the printer on floor {} jams", "mail from branch {} bounces", "badge {} opens no door")


@pytest.mark.slow
def test_a_killed_server_loses_nothing_and_the_next_one_goes_on(cli: Cli) -> None:
    incidents = [
        {
            "number": f"INC-{number:04}",
            "title": SYMPTOMS[number % 3].format(number),
            "description": f"Reported by site {number}. " * 20,
            "workaround": f"call site {number}",
        }
        for number in NUMBERS
    ]
    server_cli = cli.with_settings(embedding_batch_size="2", job_lease="1", index_save="true")
    cli.done("incidents", "load", cli.write("many.json", json.dumps(incidents)))
    process = server_cli.start("serve", "--port", "0", "--json")
    address_of(process)
    end = time.monotonic() + 60
    while not (kept := _vectors(cli)):
        assert time.monotonic() < end, cli.log.read_text()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    kept = _vectors(cli)
    assert 0 < len(kept) < 2 * len(NUMBERS)
    with server_cli.serving() as server:
        server.ready_with_model()
        whole = _vectors(cli)
        assert kept.items() <= whole.items()  # as they were
        assert len(whole) == 2 * len(NUMBERS)
        key = cli.done("keys", "create", "--role", "reader", "--json").json["key"]
        answer = httpx.post(
            f"{server.url}/api/v1/suggestions",
            json={"text": "e-mail is sent back to branch offices"},
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ).json()
        assert answer["notices"] == [], answer
        assert answer["suggestions"], answer
        assert answer["suggestions"][0]["title"].startswith("mail from branch")


def _vectors(cli: Cli) -> dict[bytes, bytes]:
    with closing(sqlite3.connect(cli.data / "opsatlas.db")) as database:
        return dict(database.execute("SELECT content_hash, vector FROM search_vector"))
