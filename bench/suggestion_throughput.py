"""Suggestions a second from one and two worker processes, for 1, 8 and 32 callers at once.

    python -m bench.suggestion_throughput [--seconds 8] [--callers 1 8 32] [--workers 1 2]
        [--keep FOLDER] [--json]

A real `opsatlas serve` on the seed data, asked by clients in another process over kept connections;
every question is new, so none is answered from a memory of vectors. Beside it
`bench.suggestion_rival` on the same documents, asked the same in the same run. `--keep` makes the
database in FOLDER, or uses the one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.serve import PATIENCE, admin_key, free_port, load_seed, server
from bench.suggestion_rival import DATABASE, PORT, WORKERS

_ROOT = Path(__file__).parent.parent
_ASKED = 20_000
"""Questions that the clients go through: more than are answered in a run."""
_RIVAL_PATIENCE = 600.0
"""Seconds: it encodes all documents at its start."""
_OTHERS_LOAD_S = 5
"""Seconds that a further process of the rival has to read the documents: it does not say when."""
_ALL_READY = 20
"""Answers in a row that must say so: of several processes any one may answer."""


def main() -> None:
    options = _arguments()
    if options.keep:
        report = _measured(options, options.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as folder:
            report = _measured(options, Path(folder))
    print(json.dumps(report, indent=2) if options.json else _text(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.suggestion_throughput")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the database there")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    environment = {
        **os.environ,
        "OPSATLAS_DATA_DIR": str(folder),
        "OPSATLAS_LOG_LEVEL": "error",
    }
    if not (folder / "opsatlas.db").exists():
        load_seed(environment)
    key = admin_key(environment)
    with server(environment, key) as encoding:
        encoding.wait_for_model()
    bodies = [{"text": text} for text in _questions()]
    report: dict[str, Any] = {"seconds": options.seconds, "opsatlas": {}, "rival": {}, "ratios": {}}
    for workers in options.workers:
        with server(environment, key, workers=workers) as running:
            port = running.client.base_url.port or 0
            _wait_for_all(port)
            ours = _asked(port, "/api/v1/suggestions", key, bodies, options)
        with _rival(folder / "opsatlas.db", workers) as port:
            theirs = _asked(port, "/suggestions", "none", bodies, options)
        report["opsatlas"][str(workers)], report["rival"][str(workers)] = ours, theirs
        report["ratios"][str(workers)] = {
            callers: round(ours[callers]["per_s"] / theirs[callers]["per_s"], 2) for callers in ours
        }
    return report


def _questions() -> list[str]:
    judged = (_ROOT / "tests/judged/queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in judged]
    chooser = random.Random(7)
    return [f"{chooser.choice(texts)} {number}" for number in range(_ASKED)]


def _wait_for_all(port: int) -> None:
    """Until every process has its model."""
    until = time.perf_counter() + PATIENCE
    ready = 0
    while ready < _ALL_READY:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz").json()
        ready = ready + 1 if answer["model"] == "ready" else 0
        if time.perf_counter() > until:
            raise TimeoutError(f"not every process was ready within {PATIENCE} s")


def _asked(
    port: int, path: str, key: str, bodies: list[dict[str, Any]], options: argparse.Namespace
) -> dict[str, Any]:
    """Answers a second and how long each took, by callers."""
    question = {"port": port, "path": path, "key": key}
    found: dict[str, Any] = {}
    start = 0
    for callers in (options.callers[0], *options.callers):  # the first time only to warm up
        start += len(bodies) // (len(options.callers) + 1)
        some = bodies[start:] + bodies[:start]
        load = question | {"bodies": some, "clients": callers, "seconds": options.seconds}
        done = subprocess.run(
            [sys.executable, "-m", "bench.http_load"],
            cwd=_ROOT,
            input=json.dumps(load),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[str(callers)] = json.loads(done.stdout)
    return found


@contextmanager
def _rival(database: Path, workers: int) -> Iterator[int]:
    port = free_port()
    names = {DATABASE: str(database), PORT: str(port), WORKERS: str(workers)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.suggestion_rival"], cwd=_ROOT, env={**os.environ, **names}
    )
    try:
        until = time.perf_counter() + _RIVAL_PATIENCE
        ready = 0
        while ready < _ALL_READY:
            try:
                httpx.get(f"http://127.0.0.1:{port}/openapi.json", timeout=1)
                ready += 1
            except httpx.TransportError:
                ready = 0
                time.sleep(0.1)
            if time.perf_counter() > until:
                raise TimeoutError(f"the rival was not ready within {_RIVAL_PATIENCE} s")
        time.sleep(_OTHERS_LOAD_S * (workers - 1))
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _text(report: dict[str, Any]) -> str:
    lines = [f"{'milliseconds':<36}{'answers/s':>10}{'p50':>8}{'p95':>8}{'max':>9}{'ratio':>8}"]
    for workers, ratios in report["ratios"].items():
        for callers, ratio in ratios.items():
            for who in ("opsatlas", "rival"):
                row = report[who][workers][callers]
                name = f"{who}, {workers} workers, {callers} callers"
                figures = row["ms"]
                lines.append(
                    f"{name:<36}{row['per_s']:>10}{figures['p50']:>8}{figures['p95']:>8}"
                    f"{figures['max']:>9}" + (f"{ratio:>7}×" if who == "opsatlas" else "")
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
