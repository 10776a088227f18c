"""The database that `bench.suggestions` asks: incidents of the grammar, written in bulk.

Encoding a quarter of a million passages would take the machine half an hour. So the distinct
phrases of the grammar are encoded for real, once, and the vector of a passage is the mean of its
phrases' vectors with a little seeded noise, of unit length again; its words are its phrases'.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench.serve_impact_data import make_database
from bench.suggestions_grammar import Line, Trouble, known_error, phrases, texts, troubles
from kb.documents import document
from kb.models import AffectedCI, Incident, KnownError
from kb.nouns import INCIDENTS, KNOWN_ERRORS
from opsatlas.db.engine import open_engine
from opsatlas.db.statistics import refresh_statistics
from opsatlas.db.transaction import transaction
from opsatlas.settings import Settings
from search.documents import TextDocument, put_documents
from search.embedder import PACKAGED_MODEL_ID, Vectors
from search.models import SearchDocument, SearchPassage, SearchVector, SearchWords
from search.onnx_embedder import OnnxEmbedder

KNOWN_ERRORS_SHARE = 0.4
"""Share of the troubles that have a known error, the frequent ones."""
_TAIL = 1.1
"""Exponent of how often the trouble of each place happens."""
_NOISE = 0.15
"""Length of the noise beside a mean of length one."""
_AT_A_TIME = 2_000
_WORDS_A_SENTENCE = 15
_WORDS_OF_THE_TROUBLE = 75
"""What the sentences beside the description's come to."""
_WORDS_A_PASSAGE = 89
"""What is left of 120 beside the title, after the cuts between lines."""
_FIRST = datetime(2023, 1, 1, tzinfo=UTC)


class _Meaning(NamedTuple):
    """What the model makes of a phrase."""

    vector: Vectors
    words: bytes | None


def make_suggestions_database(
    environment: dict[str, str], folder: Path, incidents: int, passages: int, cis: int
) -> None:
    """The database in `folder`, made unless it is there, with this many incidents whose texts
    come to about so many passages, over so many CIs of the seeded topology."""
    database = make_database(environment, folder, cis, cis * 5)
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT count(*) FROM incident").fetchone()[0]
    if found:
        if not incidents <= found <= incidents * 1.1:
            raise SystemExit(f"{folder} holds a database of another size")
        return
    told = phrases()
    vectors, words = OnnxEmbedder.load().encode_passages(told)
    meaning = dict(zip(told, map(_Meaning, vectors, words), strict=True))
    engine = open_engine(Settings(_env_file=None, data_dir=folder))
    chances = 1 / np.arange(1, len(troubles()) + 1) ** _TAIL
    drawn = np.random.default_rng(5).choice(len(chances), incidents, p=chances / chances.sum())
    sentences = (
        passages / incidents * _WORDS_A_PASSAGE - _WORDS_OF_THE_TROUBLE
    ) / _WORDS_A_SENTENCE
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_size_limit = 100000000")
    rows = _incidents(drawn.tolist(), max(0.0, sentences), cis)
    while chunk := list(islice(rows, _AT_A_TIME)):
        with transaction(engine) as session:
            _write_incidents(session, chunk, meaning)
    with transaction(engine) as session:
        _write_known_errors(session, meaning)
    refresh_statistics(engine)
    engine.dispose()


def _incidents(
    drawn: Sequence[int], sentences: float, cis: int
) -> Iterator[tuple[dict[str, Any], dict[str, list[Line]]]]:
    """Rows of the table (with the CI), each with its lines."""
    random = Random(11)
    known = troubles()
    with_known_error = int(len(known) * KNOWN_ERRORS_SHARE)
    for number, place in enumerate(drawn, start=1):
        trouble = known[place]
        ci = random.randint(1, cis)
        count = max(0, round(random.gauss(sentences, 2)))
        lines = texts(trouble, f"host-{ci:07}", count, random)
        opened = _FIRST + timedelta(minutes=15 * number)
        yield (
            {
                "id": number,
                "ci": ci,
                "number": f"INC-{number:06}",
                "status": "closed",
                "opened_at": opened,
                "resolved_at": opened + timedelta(hours=random.randint(1, 48)),
                "closed_at": opened + timedelta(days=3),
                "resolution_code": random.choice(("fixed", "workaround", "not_reproducible")),
                "known_error": _number(trouble) if place < with_known_error else None,
                "version": 1,
                "created_at": opened,
                "updated_at": opened,
                **_joined(lines),
            },
            lines,
        )


def _number(trouble: Trouble) -> str:
    return f"KE-{trouble.number + 1:04}"


def _joined(lines: Mapping[str, list[Line]]) -> dict[str, str]:
    return {name: "\n".join(line.text for line in each) for name, each in lines.items()}


def _write_incidents(
    session: Session,
    chunk: Sequence[tuple[dict[str, Any], dict[str, list[Line]]]],
    meaning: Mapping[str, _Meaning],
) -> None:
    session.execute(
        insert(Incident),
        [{name: value for name, value in row.items() if name != "ci"} for row, _ in chunk],
    )
    session.execute(
        insert(AffectedCI),
        [
            {
                "record_kind": "incident",
                "record_id": row["id"],
                "name": f"host-{row['ci']:07}",
                "ci_id": row["ci"],
            }
            for row, _ in chunk
        ],
    )
    documents = [document(INCIDENTS, {**row, "visibility": []}) for row, _ in chunk]
    _write_search(session, documents, [_all(lines) for _, lines in chunk], meaning)


def _write_known_errors(session: Session, meaning: Mapping[str, _Meaning]) -> None:
    known = troubles()
    chosen = known[: int(len(known) * KNOWN_ERRORS_SHARE)]
    told = [known_error(trouble) for trouble in chosen]
    rows = [
        {
            "number": _number(trouble),
            "description": "",
            "status": "open",
            "version": 1,
            "created_at": _FIRST,
            "updated_at": _FIRST,
            **_joined(lines),
        }
        for trouble, lines in zip(chosen, told, strict=True)
    ]
    session.execute(insert(KnownError), rows)
    documents = [document(KNOWN_ERRORS, {**row, "visibility": []}) for row in rows]
    _write_search(session, documents, [_all(lines) for lines in told], meaning)


def _all(lines: Mapping[str, list[Line]]) -> list[Line]:
    return [line for each in lines.values() for line in each]


def _write_search(
    session: Session,
    documents: Sequence[TextDocument],
    lines: Iterable[list[Line]],
    meaning: Mapping[str, _Meaning],
) -> None:
    """What the product writes of documents, and the vectors that its job would make."""
    put_documents(session, documents)
    by_key = dict(zip((each.key for each in documents), lines, strict=True))
    rows = session.execute(
        select(SearchDocument.key, SearchPassage.text, SearchPassage.content_hash)
        .join(SearchPassage, SearchPassage.document_id == SearchDocument.id)
        .where(SearchDocument.kind == documents[0].kind, SearchDocument.key.in_(list(by_key)))
    )
    vectors: dict[bytes, Vectors] = {}
    words: dict[bytes, bytes] = {}
    for key, text, content_hash in rows:
        said = [meaning[line.phrase] for line in by_key[key] if line.text in text]
        mean = _mean([each.vector for each in said], int.from_bytes(content_hash[:4]))
        vectors.setdefault(content_hash, mean)
        words[content_hash] = b"".join(each.words or b"" for each in said)
    held = set(
        session.scalars(
            select(SearchVector.content_hash).where(SearchVector.content_hash.in_(list(vectors)))
        )
    )
    session.execute(
        insert(SearchVector),
        [
            {
                "content_hash": content_hash,
                "model_id": PACKAGED_MODEL_ID,
                "dimensions": len(vector),
                "vector": vector.astype("<f4").tobytes(),
            }
            for content_hash, vector in vectors.items()
            if content_hash not in held
        ],
    )
    session.execute(
        insert(SearchWords),
        [
            {"content_hash": content_hash, "model_id": PACKAGED_MODEL_ID, "words": of_passage}
            for content_hash, of_passage in words.items()
            if content_hash not in held
        ],
    )


def _mean(vectors: Sequence[Vectors], seed: int) -> Vectors:
    noise = np.random.default_rng(seed).normal(size=vectors[0].shape).astype(np.float32)
    mean = np.mean(vectors, axis=0)
    mean = mean / np.linalg.norm(mean) + _NOISE * noise / np.linalg.norm(noise)
    unit: Vectors = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit
