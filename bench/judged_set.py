"""A judged retrieval set, and the product's own retriever filled with its documents."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine, select

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import transaction
from opsatlas.settings import Settings
from search.collection import Collection
from search.documents import TextDocument, put_documents
from search.embedder import Embedder
from search.encoding import encode_missing
from search.models import SearchDocument
from search.onnx_embedder import OnnxEmbedder
from search.retriever import Retriever

KIND = "document"


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents, queries by id, and the relevance of documents by query id."""

    documents: list[TextDocument]
    queries: dict[str, str]
    relevance: dict[str, dict[str, int]]


def read_judged_set(corpus: Path, queries: Path, qrels: Path) -> JudgedSet:
    """Read the three files (docs/search.md has their format); unjudged queries are left out."""
    relevance: dict[str, dict[str, int]] = {}
    for line in qrels.read_text(encoding="utf-8").splitlines():
        if line.strip():
            query, document, grade = line.split("\t")
            relevance.setdefault(query, {})[document] = int(grade)
    return JudgedSet(
        [TextDocument(KIND, d["id"], d["title"], d["text"]) for d in _json_lines(corpus)],
        {q["id"]: q["text"] for q in _json_lines(queries) if q["id"] in relevance},
        relevance,
    )


def read_judged_folder(folder: Path) -> JudgedSet:
    """Read the three files of a folder, under the names that sets have."""
    return read_judged_set(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")


@dataclass(frozen=True, slots=True)
class Filled:
    """The product's retrieval over a set's documents, with its parts for a closer look."""

    engine: Engine
    retriever: Retriever
    embedder: Embedder
    collection: Collection
    keys: dict[int, str]
    """The document's key by the id that the collection knows it by."""


@contextmanager
def filled_with(
    documents: list[TextDocument], cache: Path | None, *, int8: bool = False
) -> Iterator[Filled]:
    """The product's retrieval over `documents`, in a database of its own.

    With `cache` (a folder) the database is kept there, and the next run encodes nothing again.
    """
    with ExitStack() as stack:
        folder = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        name = hashlib.sha256(repr([d.key for d in documents]).encode()).hexdigest()[:16]
        url = f"sqlite:///{(folder / f'{name}.db').absolute()}"
        engine = open_engine(Settings(_env_file=None, data_dir=folder, database_url=url))
        stack.callback(engine.dispose)
        migrate.upgrade(engine)
        with transaction(engine) as session:
            put_documents(session, documents)
            rows = session.execute(select(SearchDocument.id, SearchDocument.key))
            keys = {row.id: row.key for row in rows}
        embedder = OnnxEmbedder.load(int8=int8)
        encode_with_progress(engine, embedder)
        retriever = Retriever(engine, embedder)
        yield Filled(engine, retriever, embedder, retriever.refresh(), keys)


def encode_with_progress(engine: Engine, embedder: Embedder) -> int:
    """Encode what has no vector yet, with a bar on standard error; returns how many texts."""
    with Progress(console=Console(file=sys.stderr)) as bar:
        task = bar.add_task("encoding", total=None)
        return encode_missing(
            engine,
            embedder,
            batch_size=128,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _json_lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
