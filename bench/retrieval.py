"""Retrieval quality on a judged set: lexical, dense, RRF and the product's fusion side by side.

    python -m bench.retrieval --corpus corpus.jsonl --queries queries.jsonl --qrels qrels.tsv

Everything is the product's own: passages, lexical index, vector index, retriever. `--cache DIR`
keeps the encoded corpus, so that a second run takes seconds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from bench.judged_set import Filled, JudgedSet, filled_with, read_judged_set
from bench.metrics import METRICS, Relevance
from search.fusion import reciprocal_ranks

RUNS = ("lexical", "dense", "rrf", "fusion")
_DEPTH = 100


class Report(TypedDict):
    """The shape of the report, and how long the product took a query."""

    documents: int
    queries: int
    runs: dict[str, dict[str, float]]
    retrieve_ms: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--qrels", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded corpus")
    parser.add_argument("--int8", action="store_true", help="encode in 8 bits")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    judged = read_judged_set(arguments.corpus, arguments.queries, arguments.qrels)
    report = measure(judged, arguments.cache, int8=arguments.int8)
    if arguments.json:
        print(json.dumps(report))
    else:
        _print_table(report)


def measure(judged: JudgedSet, cache: Path | None, *, int8: bool = False) -> Report:
    """The report: metrics by run, averaged over the judged queries."""
    rankings: dict[str, dict[str, list[str]]] = {run: {} for run in RUNS}
    took_ms: list[float] = []
    with filled_with(judged.documents, cache, int8=int8) as filled:
        for query, text in judged.queries.items():
            start = time.perf_counter()
            hits = filled.retriever.retrieve(text, limit=_DEPTH).hits
            took_ms.append((time.perf_counter() - start) * 1000)
            rankings["fusion"][query] = [hit.key for hit in hits]
            for run, ids in _rivals(filled, text).items():
                rankings[run][query] = [filled.keys[id_] for id_ in ids]
    return {
        "documents": len(judged.documents),
        "queries": len(judged.queries),
        "runs": {run: _averages(rankings[run], judged.relevance) for run in RUNS},
        "retrieve_ms": {
            "p50": round(statistics.median(took_ms), 2),
            "p95": round(statistics.quantiles(took_ms, n=20)[-1], 2),
        },
    }


def _rivals(filled: Filled, text: str) -> dict[str, list[int]]:
    """The single rankers and their reciprocal rank fusion, document ids best first."""
    collection = filled.collection
    lexical = list(collection.lexical_ranking(collection.query(text), _DEPTH))
    vector = filled.embedder.encode([text])[0]
    dense = list(collection.semantic_ranking(vector, _DEPTH))
    return {"lexical": lexical, "dense": dense, "rrf": list(reciprocal_ranks(lexical, dense))}


def _averages(
    rankings: Mapping[str, list[str]], relevance: Mapping[str, Relevance]
) -> dict[str, float]:
    return {
        name: round(statistics.mean(metric(rankings[q], relevance[q]) for q in rankings), 4)
        for name, metric in METRICS.items()
    }


def _print_table(report: Report) -> None:
    table = Table(title=f"{report['documents']} documents, {report['queries']} queries")
    table.add_column("run")
    for name in METRICS:
        table.add_column(name, justify="right")
    for run, values in report["runs"].items():
        table.add_row(run, *(f"{values[name]:.3f}" for name in METRICS))
    Console().print(table)
    Console().print("retrieve: p50 {p50} ms, p95 {p95} ms".format(**report["retrieve_ms"]))


if __name__ == "__main__":
    main()
