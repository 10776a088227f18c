"""How many `/impact` answers a second one server process gives, idle and while it reloads.

    python -m bench.serve_impact [--cis 20000] [--relationships 100000] [--seconds 5]
        [--clients 8] [--keep FOLDER] [--json]

A database of the seeded topology, filled in bulk; a real `opsatlas serve` on it with one worker;
clients in another process that ask about random CIs over kept connections. Then 1 % of the
relationships are loaded again, changed, through `POST /imports`, while the clients go on. The rival
is `bench.serve_impact_rival`, asked by the same clients in the same run. `--keep` makes the
database in FOLDER, or uses the one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.serve import admin_key, server
from bench.serve_impact_data import make_database, reload_file

_ROOT = Path(__file__).parent.parent
_ASKED = 20_000
"""Questions that the clients go through, over and over where there is time."""
_PATIENCE = 600.0


def main() -> None:
    options = _arguments()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        report = _measured(options, options.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as name:
            report = _measured(options, Path(name))
    print(json.dumps(report, indent=2) if options.json else _text(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serve_impact")
    parser.add_argument("--cis", type=int, default=20_000)
    parser.add_argument("--relationships", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=8, help="connections that ask at once")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the database there")
    parser.add_argument("--log-level", default="info", help="the server's [info, as it comes]")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    environment = {
        **os.environ,
        "OPSATLAS_DATA_DIR": str(folder),
        "OPSATLAS_LOG_LEVEL": options.log_level,
        "OPSATLAS_EMBEDDING_ENABLED": "false",
    }
    started = time.perf_counter()
    database = make_database(environment, folder, options.cis, options.relationships)
    report: dict[str, Any] = {
        "cis": options.cis,
        "relationships": options.relationships,
        "database_s": round(time.perf_counter() - started, 1),
        "clients": options.clients,
    }
    chooser = random.Random(7)
    numbers = [chooser.randint(1, options.cis) for _ in range(_ASKED)]
    bodies = [{"failed": [f"host-{number:07}"]} for number in numbers]
    key = admin_key(environment)
    with server(environment, key) as running:
        running.client.timeout = httpx.Timeout(_PATIENCE)
        asked = _Asked(running.client.base_url.port or 0, "/api/v1/impact", key, bodies, options)
        report["first_answer_s"] = asked.first()
        report["opsatlas"] = {"one_client": asked.idle(1), "idle": asked.idle(options.clients)}
        report["opsatlas"] |= _reloading(running.client, asked, database, options)
    with _rival(database) as port:
        rival = _Asked(port, "/impact", "none", bodies, options)
        rival.first()
        report["rival"] = {"one_client": rival.idle(1), "idle": rival.idle(options.clients)}
    ours, theirs = report["opsatlas"], report["rival"]
    report["ratios"] = {
        "answers a second, ours / rival": round(ours["idle"]["per_s"] / theirs["idle"]["per_s"], 2),
        "p99 while reloading / idle": round(
            ours["reloading"]["ms"]["p99"] / ours["idle"]["ms"]["p99"], 2
        ),
    }
    return report


class _Asked:
    """One server, and what it is asked."""

    def __init__(
        self,
        port: int,
        path: str,
        key: str,
        bodies: list[dict[str, Any]],
        options: argparse.Namespace,
    ) -> None:
        self._question = {"port": port, "path": path, "key": key, "bodies": bodies}
        self._options = options

    def first(self) -> float:
        """Seconds to the first answer, which builds the graph."""
        started = time.perf_counter()
        httpx.post(
            f"http://127.0.0.1:{self._question['port']}{self._question['path']}",
            headers={"Authorization": f"Bearer {self._question['key']}"},
            json=self._question["bodies"][0],  # type: ignore[index]
            timeout=_PATIENCE,
        ).raise_for_status()
        return round(time.perf_counter() - started, 2)

    def idle(self, clients: int) -> dict[str, Any]:
        """How it answers while nothing else happens."""
        return self._result(self._started(clients, self._options.seconds))

    def begun(self) -> subprocess.Popen[str]:
        """Clients that ask until they are told to stop."""
        return self._started(self._options.clients, _PATIENCE)

    def ended(self, clients: subprocess.Popen[str]) -> dict[str, Any]:
        """Stop them; how it went."""
        clients.send_signal(signal.SIGTERM)
        return self._result(clients)

    def _started(self, clients: int, seconds: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.http_load"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        json.dump(self._question | {"clients": clients, "seconds": seconds}, process.stdin)
        process.stdin.close()
        return process

    def _result(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        said = process.stdout.read()
        if process.wait():
            raise SystemExit("the clients did not get their answers")
        found: dict[str, Any] = json.loads(said)
        return found


def _reloading(
    client: httpx.Client, asked: _Asked, database: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Answers while 1 % of the relationships are loaded again, changed."""
    content, rows = reload_file(database, options.relationships // 100)
    clients = asked.begun()
    time.sleep(1)
    started = time.perf_counter()
    answer = client.post(
        "/api/v1/imports",
        files=[("file", ("relationships.csv", content))],
        data={"source": "bench"},
    ).raise_for_status()
    report = answer.json()
    while report["state"] in ("queued", "running"):
        time.sleep(0.1)
        report = client.get(f"/api/v1/imports/{report['id']}").raise_for_status().json()
    took = round(time.perf_counter() - started, 2)
    time.sleep(1)
    if report["state"] != "done":
        raise SystemExit(f"the load ended as {report['state']}")
    said = asked.ended(clients)
    return {
        "reloading": said,
        "reload": {"rows": rows, "s": took, "relationships": report["report"]["relationships"]}
        if report.get("report")
        else {"rows": rows, "s": took},
    }


@contextmanager
def _rival(database: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.serve_impact_rival", str(database), str(port)], cwd=_ROOT
    )
    try:
        until = time.perf_counter() + _PATIENCE
        while time.perf_counter() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _text(report: dict[str, Any]) -> str:
    lines = [
        f"{report['cis']:,} CIs, {report['relationships']:,} relationships",
        f"database made in {report['database_s']} s, first answer {report['first_answer_s']} s",
        f"{'milliseconds':<36}{'answers/s':>10}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>9}",
    ]
    several = f"{report['clients']} clients"
    for who in ("opsatlas", "rival"):
        for name, row in report[who].items():
            if "per_s" in row:
                what = {"one_client": "1 client", "idle": several}.get(name, f"{several}, {name}")
                figures = row["ms"]
                lines.append(
                    f"{f'{who}, {what}':<36}{row['per_s']:>10,}{figures['p50']:>8}"
                    f"{figures['p95']:>8}{figures['p99']:>8}{figures['max']:>9}"
                )
    lines.append(f"reload: {json.dumps(report['opsatlas']['reload'])}")
    lines += [f"{name}: {ratio}×" for name, ratio in report["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
