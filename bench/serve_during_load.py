"""How a server goes on answering `/impact` while a large inventory is loaded into it.

    python -m bench.serve_during_load [--cis 20000] [--relationships 100000] [--json]

One server on the seed data. First it is asked alone, then while it loads a large upload in the
background; the ratio of the two 95th percentiles is what a user would feel.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from bench.load import write_files
from bench.serve import admin_key, ci_names, load_seed, opsatlas, percentiles, server


def main() -> None:
    options = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as data,
        tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as name,
    ):
        folder = Path(name)
        cis, relationships = write_files(folder, options.cis, options.relationships, seed=20)
        environment = {
            **os.environ,
            "OPSATLAS_DATA_DIR": data,
            "OPSATLAS_LOG_LEVEL": "error",
            "OPSATLAS_EMBEDDING_ENABLED": "false",
        }
        load_seed(environment)
        with server(environment, admin_key(environment)) as running:
            report = {"cis": cis, "relationships": relationships}
            report |= _measure(running.client, folder, options.requests)
        opsatlas(environment, "doctor", "--json")
    print(json.dumps(report) if options.json else _text(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serve_during_load")
    parser.add_argument("--cis", type=int, default=20_000)
    parser.add_argument("--relationships", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=500, help="requests while it is idle")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(client: httpx.Client, folder: Path, requests: int) -> dict[str, Any]:
    names = ci_names(client)
    chooser = random.Random(7)

    def ask() -> float:
        started = time.perf_counter()
        body = {"failed": [chooser.choice(names)]}
        client.post("/api/v1/impact", json=body).raise_for_status()
        return (time.perf_counter() - started) * 1000

    for _ in range(20):
        ask()
    idle = [ask() for _ in range(requests)]
    files = [
        ("file", (name, (folder / name).read_bytes())) for name in ("cis.csv", "relationships.csv")
    ]
    answer = client.post("/api/v1/imports", files=files, data={"source": "bench"}, timeout=120)
    place = answer.raise_for_status().headers["Location"]
    begun = time.perf_counter()
    busy: list[float] = []
    state = "queued"
    while state in ("queued", "running"):
        busy += [ask() for _ in range(20)]
        state = client.get(place).raise_for_status().json()["state"]
    if state != "done":
        raise SystemExit(f"the load ended as {state}")
    return {
        "idle_ms": percentiles(idle),
        "during_ms": percentiles(busy),
        "requests_during": len(busy),
        "load_s": round(time.perf_counter() - begun, 1),
        "ratios": {
            "p95 during / idle": round(percentiles(busy)["p95"] / percentiles(idle)["p95"], 2)
        },
    }


def _text(report: dict[str, Any]) -> str:
    size = f"{report['cis']:,} CIs, {report['relationships']:,} relationships"
    asked = f"{report['requests_during']:,} questions meanwhile"
    lines = [f"{size} loaded in {report['load_s']} s, {asked}"]
    for name in ("idle_ms", "during_ms"):
        row = report[name]
        lines.append(f"{name:<12} p50 {row['p50']:>8} p95 {row['p95']:>8} max {row['max']:>8}")
    lines += [f"{name}: {ratio}×" for name, ratio in report["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
