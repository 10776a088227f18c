"""Vector indexes side by side over the passages of a database: recall, time, memory.

    python -m bench.suggestions_indexes DATABASE [--questions 200]
    python -m bench.suggestions_indexes --sets FOLDER...

Prints JSON. A database is that of `bench.suggestions`, asked with questions of its grammar; sets
are judged ones (docs/search.md), all of their passages and queries together: what people wrote lies
otherwise than what a grammar did. Everything is encoded for real; what is exact is told by numpy.
`memory_mb` is what the vectors and the structure over them take, `ms` one search for 300 passages,
as a question makes it; `recall@10` and `recall@100` are of the nearest by exact search.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.judged_set import read_judged_folder
from bench.serve import percentiles
from bench.suggestions_grammar import questions
from search.embedder import Vectors
from search.indexes.approximate import Kind
from search.indexes.faiss_index import FaissIndex
from search.indexes.rows import Precision
from search.onnx_embedder import OnnxEmbedder
from search.passages import split_into_passages

_ASKED = 300
_KINDS: tuple[Kind | None, ...] = (None, "pq", "ivf", "hnsw")
_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
_PASSAGES = (
    "SELECT v.vector FROM search_passage p JOIN search_document d ON d.id = p.document_id"
    " JOIN search_vector v ON v.content_hash = p.content_hash"
    " WHERE p.ordinal > 0 AND d.kind = 'incident' ORDER BY p.id"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.suggestions_indexes")
    parser.add_argument("database", type=Path, nargs="?")
    parser.add_argument("--sets", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", default=["flat", "pq", "ivf", "hnsw"])
    options = parser.parse_args()
    if bool(options.sets) == bool(options.database):
        parser.error("name a database, or --sets")
    if options.sets:
        vectors, asked = _of_sets(options.sets)
    else:
        vectors, asked = _of_database(options.database, options.questions)
    exact = np.stack([_nearest(vectors, question) for question in asked])
    report: dict[str, Any] = {"vectors": len(vectors)}
    for kind, precision in product(_KINDS, _PRECISIONS):
        name = kind or "flat"
        if name in options.kinds:
            report[f"{name} {precision}"] = _figures(kind, precision, vectors, asked, exact)
    print(json.dumps(report))


def _of_database(database: Path, count: int) -> tuple[Vectors, Vectors]:
    with closing(sqlite3.connect(database)) as connection:
        vectors = np.stack([np.frombuffer(row[0], "<f4") for row in connection.execute(_PASSAGES)])
    texts = [text for text, _ in questions(count, 100_000, seed=17)]
    return vectors, OnnxEmbedder.load().encode_questions(texts)


def _of_sets(folders: list[Path]) -> tuple[Vectors, Vectors]:
    embedder = OnnxEmbedder.load()
    sets = [read_judged_folder(folder) for folder in folders]
    documents = [document for each in sets for document in each.documents]
    passages = [part for each in documents for part in split_into_passages(each.title, each.text)]
    asked = [text for each in sets for text in each.queries.values()]
    return embedder.encode(passages), embedder.encode_questions(asked)


def _figures(
    kind: Kind | None,
    precision: Precision,
    vectors: Vectors,
    asked: Vectors,
    exact: NDArray[np.int64],
) -> dict[str, Any]:
    index = FaissIndex(vectors.shape[1], kind=kind, precision=precision)
    started = time.perf_counter()
    index.put(np.arange(len(vectors)), vectors)
    index.settle()
    built = time.perf_counter() - started
    index.search(asked[0], _ASKED)
    taken, shares = [], {10: [0.0] * len(asked), 100: [0.0] * len(asked)}
    for row, question in enumerate(asked):
        started = time.perf_counter()
        found, _ = index.search(question, _ASKED)
        taken.append((time.perf_counter() - started) * 1000)
        for depth, each in shares.items():
            each[row] = len(np.intersect1d(found[:depth], exact[row, :depth])) / depth
    ms = percentiles(taken)
    return {
        "build_s": round(built, 1),
        "ms": {"p50": ms["p50"], "p95": ms["p95"]},
        "memory_mb": round(_bytes(index) / 1e6),
        **{f"recall@{depth}": round(float(np.mean(each)), 4) for depth, each in shares.items()},
    }


def _bytes(index: FaissIndex) -> int:
    rows, structure = index.state
    held = sum(chunk.nbytes for chunk in rows.chunks)
    if structure is None:
        return held
    with tempfile.TemporaryDirectory() as folder:
        structure.save(Path(folder) / "structure")
        return held + (Path(folder) / "structure").stat().st_size


def _nearest(vectors: Vectors, question: Vectors) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.argsort(-(vectors @ question), kind="stable")[:100]
    return found


if __name__ == "__main__":
    main()
