"""The seed company in a database of its own, and the judged questions about its history."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench.judged_set import encode_with_progress
from cmdb.importers.records import InputFile
from cmdb.load import load as load_inventory
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.snapshots import DependencyGraph, build
from kb.loads import load as load_history
from kb.suggest_schemas import SuggestionQuestion
from opsatlas.actor import SYSTEM
from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from search.onnx_embedder import OnnxEmbedder
from search.retriever import Retriever

ROOT = Path(__file__).parent.parent
SEED, JUDGED = ROOT / "seed_data", ROOT / "tests" / "judged"
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
"""The day after the last record: ages count from it, so that figures are the same next year."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """Everything that a suggestion needs, over the seed data."""

    engine: Engine
    embedder: OnnxEmbedder
    retriever: Retriever
    graph: DependencyGraph


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question, and the grade (1 to 3) of each record that helps; none: nothing covers it."""

    id: str
    question: SuggestionQuestion
    relevance: dict[str, int]


@contextmanager
def seeded(cache: Path | None = None) -> Iterator[Seeded]:
    """The seed data, loaded and encoded; with `cache` (a folder) nothing is encoded twice."""
    with ExitStack() as stack:
        folder = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = open_engine(Settings(_env_file=None, data_dir=folder))
        stack.callback(engine.dispose)
        migrate.upgrade(engine)
        with transaction(engine) as session:
            load_seed(session)
        embedder = OnnxEmbedder.load()
        encode_with_progress(engine, embedder)
        with reading(engine) as session:
            graph = build(session)
        yield Seeded(engine, embedder, Retriever(engine, embedder), graph)


def load_seed(session: Session) -> None:
    """Load the inventory, then the history, which names its CIs."""
    inventory = _files(SEED / "inventory", "*.csv")
    load_inventory(session, inventory, LoadOptions(), SYSTEM, LoadLimits())
    history = [*_files(SEED / "incidents", "*.jsonl"), *_files(SEED / "articles", "*.md")]
    load_history(session, SYSTEM, history)


def judged_questions(folder: Path = JUDGED) -> list[JudgedQuestion]:
    """The questions of `queries.jsonl` with what `qrels.tsv` says of them."""
    relevance: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        relevance.setdefault(query, {})[document] = int(grade)
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        JudgedQuestion(
            each["id"],
            SuggestionQuestion(text=each["text"], cis=each.get("cis", []), limit=10),
            relevance.get(each["id"], {}),
        )
        for each in map(json.loads, lines)
    ]


def _files(folder: Path, pattern: str) -> list[InputFile]:
    return [InputFile(path.name, path.read_bytes()) for path in sorted(folder.glob(pattern))]
