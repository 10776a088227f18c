"""Suggestions at size: 100,000 incidents, 250,000 passages, everything on, over HTTP.

    python -m bench.suggestions [--incidents 100000] [--passages 250000] [--cis 100000]
        [--requests 300] [--precisions fp32 fp16] [--indexes] [--no-rivals] [--cache FOLDER]
        [--json]

A seeded grammar writes the incidents (`bench.suggestions_grammar`, clearly not for quality), and
`bench.suggestions_data` puts them into a database in bulk, with vectors that are made of those of
the grammar's phrases. A real `opsatlas serve` with one worker opens its saved index, answers one
caller's questions, each of them new and encoded for real, and takes new incidents. `--indexes`
also compares the vector indexes with exact search over the same vectors. The rivals run in the
same run on the same texts: bm25s alone, and SentenceTransformer with a flat FAISS index as a plain
script would do it, both in a process of their own and without HTTP. `--cache` makes the database
in FOLDER, or uses the one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.serve import Server, admin_key, percentiles, server
from bench.suggestions_data import make_suggestions_database
from bench.suggestions_grammar import questions

_SEEN_WITHIN = 120.0
_NEW_INCIDENTS = 10
_SAVED_WITHIN = 1_800.0
_ROOT = Path(__file__).parent.parent


def main() -> None:
    options = _arguments()
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
        report = _measured(options, options.cache)
    else:
        with tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as folder:
            report = _measured(options, Path(folder))
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.suggestions")
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--passages", type=int, default=250_000)
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300, help="questions that are timed")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "fp16"], metavar="P")
    parser.add_argument("--indexes", action="store_true", help="compare the vector indexes too")
    parser.add_argument("--no-rivals", action="store_true", help="leave the rivals out")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the database there")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    environment = {**os.environ, "OPSATLAS_DATA_DIR": str(folder), "OPSATLAS_LOG_LEVEL": "error"}
    make_suggestions_database(environment, folder, options.incidents, options.passages, options.cis)
    report: dict[str, Any] = {"incidents": options.incidents, "passages": options.passages}
    asked = [text for text, _ in questions(options.requests + 50, options.cis, seed=time.time_ns())]
    for precision in options.precisions:
        environment["OPSATLAS_VECTOR_PRECISION"] = precision
        report[precision] = _served(environment, folder, asked)
    if options.indexes:
        report["indexes"] = _run("bench.suggestions_indexes", folder, [])
    if not options.no_rivals:
        report["rivals"] = _run("bench.suggestions_rivals", folder, asked[50:])
        ours = report[options.precisions[0]]["suggestions_ms"]["p50"]
        report["ratios"] = {
            f"suggestions / {name}": round(ours / rival["ms"]["p50"], 2)
            for name, rival in report["rivals"].items()
        }
    return report


def _served(environment: dict[str, str], folder: Path, asked: list[str]) -> dict[str, Any]:
    key = admin_key(environment)
    for saved in folder.glob("search-*"):
        shutil.rmtree(saved)
    built = time.perf_counter()
    with server(environment, key) as first:
        _ask(first.client, asked[0], patience=_SAVED_WITHIN)
        figures: dict[str, Any] = {"build_s": round(time.perf_counter() - built, 1)}
        _wait_until_saved(folder)
    with server(environment, key) as running:
        # The first answer is whole in words and, but for the model, in meaning.
        _ask(running.client, asked[0], patience=60)
        figures["start_s"] = running.elapsed()
        running.wait_for_model()
        for text in asked[1:50]:
            _ask(running.client, text)
        figures["suggestions_ms"] = _times(running, asked[50:])
        figures["memory_mb"] = _memory(running.pid)
        figures |= _new_incidents(running)
    return figures


def _ask(client: httpx.Client, text: str, patience: float = 30) -> dict[str, Any]:
    answer = client.post("/api/v1/suggestions", json={"text": text}, timeout=patience)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _times(running: Server, asked: list[str]) -> dict[str, float]:
    taken = []
    for text in asked:
        started = time.perf_counter()
        found = _ask(running.client, text)
        taken.append((time.perf_counter() - started) * 1000)
        if found["notices"]:
            raise SystemExit(f"the answer was not whole: {found['notices']}")
    return percentiles(taken)


def _wait_until_saved(folder: Path) -> None:
    until = time.monotonic() + _SAVED_WITHIN
    while not list(folder.glob("search-*/current")):
        if time.monotonic() > until:
            raise SystemExit("the index was not saved")
        time.sleep(0.5)


def _new_incidents(running: Server) -> dict[str, float]:
    """Seconds from the answer to `POST /incidents` until the incident is found by its words, and
    until it is found by its meaning; the worst of some."""
    by_words, by_meaning = [], []
    for number in range(_NEW_INCIDENTS):
        word = f"quoxilber{number}{time.time_ns()}"
        created = running.client.post(
            "/api/v1/incidents",
            json={
                "title": f"{word} reports a strange glow",
                "description": "The lamp of the coffee machine flickers in the canteen.",
                "workaround": "Unplug the coffee machine and wait for a minute.",
                "opened_at": "2026-01-01T00:00:00Z",
            },
        )
        number_given = created.raise_for_status().json()["number"]
        started = time.perf_counter()
        until = started + _SEEN_WITHIN
        meant = found = False
        while not meant and time.perf_counter() < until:
            hits = _ask(running.client, f"{word} strange glow in the canteen")["suggestions"]
            hit = next((each for each in hits if each["id"] == number_given), None)
            if hit is not None and not found:
                found = True
                by_words.append(time.perf_counter() - started)
            meant = hit is not None and hit["evidence"]["semantic"] is not None
            if not meant:
                time.sleep(0.02)
        by_meaning.append(time.perf_counter() - started)
        if not meant:
            raise SystemExit(f"{number_given} was not found by its meaning")
        running.client.delete(f"/api/v1/incidents/{number_given}").raise_for_status()
        hits = _ask(running.client, f"{word} strange glow in the canteen")["suggestions"]
        if any(each["id"] == number_given for each in hits):
            raise SystemExit(f"{number_given} was found after it was deleted")
    return {
        "new_by_words_s": round(max(by_words), 3),
        "new_by_meaning_s": round(max(by_meaning), 3),
        "new_by_meaning_median_s": round(statistics.median(by_meaning), 3),
    }


def _memory(pid: int) -> dict[str, int]:
    """MB of the server: resident, of which mapped from files, and the most it has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {"resident": "VmRSS", "of_files": "RssFile", "peak": "VmHWM"}
    return {name: int(found[of].split()[0]) // 1024 for name, of in names.items()}


def _run(module: str, folder: Path, asked: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder / "opsatlas.db")],
        input=json.dumps(asked),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _print(report: dict[str, Any]) -> None:
    console = Console()
    console.print(f"{report['incidents']:,} incidents, about {report['passages']:,} passages")
    table = Table()
    columns = ("", "p50 ms", "p95 ms", "start s", "memory MB")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    precisions = [name for name in ("fp32", "fp16") if name in report]
    for precision in precisions:
        ours = report[precision]
        ms, memory = ours["suggestions_ms"], ours["memory_mb"]["resident"]
        cells = (ms["p50"], ms["p95"], ours["start_s"], memory)
        table.add_row(f"OpsAtlas, {precision}", *map(str, cells))
    for name, rival in report.get("rivals", {}).items():
        cells = (rival["ms"]["p50"], rival["ms"]["p95"], rival["start_s"], rival["memory_mb"])
        table.add_row(name, *map(str, cells))
    console.print(table)
    ours = report[precisions[0]]
    console.print(
        f"a new incident is found by its words within {ours['new_by_words_s']} s, by its meaning"
        f" within {ours['new_by_meaning_s']} s (median {ours['new_by_meaning_median_s']} s);"
        f" peak memory {ours['memory_mb']['peak']} MB, first build {ours['build_s']} s"
    )
    for name, ratio in report.get("ratios", {}).items():
        console.print(f"{name}: {ratio}")
    indexes = report.get("indexes")
    if indexes:
        _print_indexes(console, indexes)


def _print_indexes(console: Console, indexes: dict[str, Any]) -> None:
    table = Table(title=f"{indexes.pop('vectors'):,} vectors")
    for column in ("index", "build s", "p50 ms", "p95 ms", "MB", "recall@10", "recall@100"):
        table.add_column(column, justify="left" if column == "index" else "right")
    for name, each in indexes.items():
        ms = each["ms"]
        cells = (each["build_s"], ms["p50"], ms["p95"], each["memory_mb"])
        table.add_row(name, *map(str, (*cells, each["recall@10"], each["recall@100"])))
    console.print(table)


if __name__ == "__main__":
    main()
