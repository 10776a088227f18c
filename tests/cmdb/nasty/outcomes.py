"""Cases loaded in a process that may end by them, and what came of each."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

_ROOT = Path(__file__).parents[3]
_PROCESSES = 2

Outcome = dict[str, Any]
"""`case`, `name`, `seconds`, and one of `report`, `refused`, `raised`, `ended`."""


def outcomes(engine: Engine, names: Sequence[str], how: str) -> dict[str, Outcome]:
    """What came of the cases of these names; `how` is what `reading_process` knows."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    url = url.replace("+pysqlite", "")
    shares = [names[at::_PROCESSES] for at in range(_PROCESSES)]
    with ThreadPoolExecutor(_PROCESSES) as threads:
        found = threads.map(lambda share: _outcomes(url, share, how), shares)
    return {outcome["case"]: outcome for share in found for outcome in share}


def _outcomes(url: str, names: Sequence[str], how: str) -> list[Outcome]:
    """Goes on in another process behind the file that ended one."""
    found: list[Outcome] = []
    while names:
        module = "tests.cmdb.nasty.reading_process"
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-m", module, url, how, json.dumps(names)],
            cwd=_ROOT,
            capture_output=True,
            check=False,
        )
        said = [json.loads(line) for line in done.stdout.splitlines()]
        found += [each for each in said if "begun" not in each]
        if done.returncode == 0:
            break
        last = said[-1] if said else {}
        assert "begun" in last, done.stderr.decode()
        trace = done.stderr.decode(errors="replace")[-2000:]
        found.append(
            {"case": last["begun"], "name": last["name"], "ended": f"{done.returncode} {trace}"}
        )
        names = names[names.index(last["begun"]) + 1 :]
    return found


def faults(outcome: Outcome) -> list[str]:
    """What is wrong with how a load ended: it must be a report that teaches, or a refusal."""
    name = outcome["name"]
    for how in ("ended", "raised"):
        if how in outcome:
            return [f"{name}: {how}: {outcome[how]}"]
    if "refused" in outcome:
        return [] if outcome["refused"] and outcome["code"] else [f"{name}: no reason"]
    report = outcome["report"]
    errors = [each for each in report["problems"] if each["severity"] == "error"]
    return [
        f"{name}: no {part}: {error}"
        for error in errors
        for part in ("file", "code", "message", "hint")
        if not error[part]
    ]
