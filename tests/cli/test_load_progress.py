"""`opsatlas load` shows how far it is: a bar in a terminal, lines elsewhere, nothing in answers."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess

import pytest
from rich.console import Console

from api.cli import progress, terminal
from tests.cli.conftest import Cli
from tests.demo_run import SCRIPT

ROWS = 6_000


def test_a_load_shows_a_bar_with_phase_count_and_rate_in_a_terminal(cli: Cli) -> None:
    cli.write("many.csv", "name,ci_class\n" + "".join(f"s{n},server\n" for n in range(ROWS)))
    terminal_side, our_side = pty.openpty()
    done = subprocess.run(
        [SCRIPT, "load", "many.csv", "--json"],
        cwd=cli.folder,
        env=cli.environment() | {"COLUMNS": "120", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=our_side,
        timeout=60,
        check=True,
    )
    os.close(our_side)
    shown = b""
    try:
        while some := os.read(terminal_side, 65_536):
            shown += some
    except OSError:  # the other side is closed, and all is read
        pass
    os.close(terminal_side)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert re.search(r"loading 1 file, 0.1 MB: writing .*6000/6000 [\d,]+ rows/s", plain)
    assert b"writing" not in done.stdout


def test_elsewhere_a_line_now_and_then_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(terminal, "stderr", Console(file=written, width=200))
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    with progress.phases("loading 1 file", "rows") as tell:
        tell("reading", 1_000, None)
        tell("writing", 2_000, 3_000)
    reading, writing = written.getvalue().splitlines()
    assert reading.startswith("loading 1 file: reading, 1,000 rows, ")
    assert writing.startswith("loading 1 file: writing, 2,000 of 3,000 rows, ")
    assert writing.endswith(" rows/s")


def test_a_short_load_is_not_talked_about(cli: Cli) -> None:
    assert cli.done("load", "items.csv", "--json").err == ""
