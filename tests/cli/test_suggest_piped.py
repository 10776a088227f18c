"""`journalctl … | opsatlas suggest -`: logs of any size, encoding and content."""

import os
import pty
import random
import subprocess
import sys

import pytest

from api.cli.piped import HEAD_BYTES, TAIL_BYTES
from kb.suggest_schemas import SuggestionAnswer
from tests.cli import warm
from tests.cli.conftest import Cli, RunningShop
from tests.demo_run import SCRIPT

CALM = [
    f"Mar 04 10:{at // 60 % 60:02d}:{at % 60:02d} app-3 nginx[{at}]: GET /cart/{at} 200"
    for at in range(20_000)
]
TROUBLE = [
    "Mar 04 14:59:59 app-3 checkout[77]: \x1b[31mERROR\x1b[0m pool of pgbouncer-orders exhausted",
    "Mar 04 15:00:00 app-3 checkout[77]: org.postgresql.util.PSQLException: no connection in 30 s",
    "Mar 04 15:00:00 app-3 checkout[77]:     at org.postgresql.Driver.connect(Driver.java:7)",
]


def _log(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def _numbers(cli: Cli, stdin: bytes) -> tuple[list[str], str]:
    result = cli.done("suggest", "-", "--lexical", "--json", stdin=stdin)
    answer = SuggestionAnswer.model_validate(result.json)
    return [each.id for each in answer.suggestions], result.err


def test_the_trouble_in_a_megabyte_of_log_is_found_and_a_note_says_what_was_read(
    shop: Cli,
) -> None:
    log = _log("-- Boot 7f1 --", *CALM, *TROUBLE, *CALM[:50])
    assert len(log) > 1_000_000
    found, told = _numbers(shop, log)
    assert found[0] == "KE-0001"
    assert "most telling of 20,054 lines" in told
    assert f"{len(log):,} bytes" in told


def test_a_server_is_asked_with_the_same_lines(shop_server: RunningShop) -> None:
    log = _log(*CALM, *TROUBLE)
    result = shop_server.cli.done("suggest", "-", "--json", stdin=log)
    assert SuggestionAnswer.model_validate(result.json).suggestions[0].id == "KE-0001"


def test_an_endless_log_is_read_at_its_beginning_and_its_end(cli: Cli) -> None:
    cli.done("db", "upgrade")
    line = b"2026-03-04T10:00:00Z INFO nothing happened\n"
    endless = line * ((HEAD_BYTES + TAIL_BYTES) // len(line) + 20_000)
    result = cli.done("suggest", "-", "--lexical", stdin=endless)
    assert "at its beginning and end" in result.err
    assert f"{len(endless):,} bytes" in result.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encodings_that_systems_write_logs_in_are_read(shop: Cli, encoding: str) -> None:
    text = "\r\n".join(["pool of pgbouncer-orders exhausted", *CALM[:3]])
    found, _ = _numbers(shop, text.encode(encoding))
    assert found[0] == "KE-0001"


@pytest.mark.parametrize(
    "stdin",
    [
        random.Random(1).randbytes(300_000),
        b"\x00" * 1_000 + "\U0001f525\u202e مرحبا \x9b31m".encode(),
        b"a" * 1_000_000,
    ],
    ids=["random", "signs", "word"],
)
def test_what_is_no_log_is_answered_too(shop: Cli, stdin: bytes) -> None:
    result = shop.done("suggest", "-", "--lexical", stdin=stdin)
    assert all(line.isprintable() for line in result.out.splitlines())
    assert max(map(len, result.out.splitlines())) <= 80
    assert "Traceback" not in result.err


@pytest.mark.parametrize("stdin", [b"", b"\n\x00\x1b[0m"])
def test_nothing_to_read_is_a_usage_error_that_says_what_to_do(shop: Cli, stdin: bytes) -> None:
    result = shop("suggest", "-", "--lexical", stdin=stdin)
    assert result.code == 2
    assert "say what is seen" in result.err


def test_an_argument_of_any_bytes_is_answered(shop: Cli) -> None:
    done = subprocess.run(
        [warm.script(), "suggest", b"pool \xff\xfe\x1b[31m exhausted", "--lexical", "--json"],
        env=shop.environment(),
        capture_output=True,
        check=True,
    )
    found = SuggestionAnswer.model_validate_json(done.stdout).suggestions
    assert {"pool", "exhausted"} <= set(found[0].evidence.matched_terms)


def test_a_reader_that_has_seen_enough_is_no_error(shop: Cli) -> None:
    command = f"{warm.script()} suggest 'pool exhausted' --lexical | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], env=shop.environment(), capture_output=True, check=False
    )
    assert b"This has happened before" in done.stdout or b"related" in done.stdout
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals there")
def test_marks_are_for_terminals_alone(shop: Cli) -> None:
    ours, theirs = pty.openpty()
    environment = {**shop.environment(), "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    arguments = ["suggest", "checkout answers 502, pool of pgbouncer-orders exhausted", "--lexical"]
    with subprocess.Popen(
        [SCRIPT, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _piece(ours):
            shown += piece
        assert process.wait(60) == 0
    os.close(ours)
    assert b"\x1b[1mWorkaround\x1b[0m" in shown
    assert "\x1b" not in shop.done(*arguments).out


def _piece(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4_096)
    except OSError:  # the other end is closed
        return b""
