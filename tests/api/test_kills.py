"""The index is a cache of SQL: whenever a process is killed, all is found, and encoded once."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from api.services import Services
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading
from search.model_choice import ModelChoice
from search.models import SearchVector
from search.spaces import served
from search.warming import _WARM_UP_TEXT
from tests.api.killed_process import NotingEmbedder, held, save_small_indexes, settings_of, title

WARM_UP = hashlib.sha256(_WARM_UP_TEXT.encode()).hexdigest()
ROOT = Path(__file__).parents[2]
KILLS = 30
PRECISIONS = ("fp32", "int8")
"""Of the same model, but two spaces: a change of the model without other weights."""


class Nursery:
    """A process that has imported everything and forks those that are killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.killed_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, events: int, seconds: float, data_dir: Path, **asked: Any) -> None:
        """A process that is killed so many seconds after it wrote so many lines in its logs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked | {"data_dir": str(data_dir)}) + "\n")
        self._process.stdin.flush()
        begun = events_in(data_dir)
        child = int(self._process.stdout.readline())
        while events_in(data_dir) < begun + events:
            assert _lives(child), "it ended by itself"
            time.sleep(0.002)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        while _lives(child):
            time.sleep(0.001)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def events_in(data_dir: Path) -> int:
    """How much was begun, committed and encoded so far."""
    # Whole lines alone: of a line that crosses a page of the file a reader may see half.
    logs = (data_dir / name for name in ("writes.log", "encoded.log"))
    return sum(log.read_bytes().count(b"\n") for log in logs if log.exists())


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    yield found
    found.end()


def lines(file: Path) -> list[Any]:
    text = file.read_text("utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def vectors(engine: Engine) -> set[tuple[str, str]]:
    """Model and text (its hash) of every vector that is committed."""
    with reading(engine) as session:
        rows = session.execute(select(SearchVector.model_id, SearchVector.content_hash))
        return {(row.model_id, row.content_hash.hex()) for row in rows}


def written(data_dir: Path) -> list[dict[str, str]]:
    """The words of all incidents that there must be: with what was begun last, and without."""
    now: dict[str, str] = {}
    begun: dict[str, str | None] = {}
    for line in lines(data_dir / "writes.log"):
        begun = line.get("begun", {})
        now = applied(now, line.get("committed", {}))
    return [now, applied(now, begun)]


def applied(words: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    return {
        number: its_word for number, its_word in (words | changes).items() if its_word is not None
    }


def found(services: Services, words: list[str]) -> dict[str, str]:
    """The incidents that any of `words` finds, with the word of the title that was found."""
    answers: dict[str, str] = {}
    for start in range(0, len(words), 50):
        asked = " ".join(words[start : start + 50])
        for hit in services.retriever.retrieve(asked, limit=1000).hits:
            if hit.lexical:
                answers[hit.key] = hit.title.split()[0]
    return answers


def check_what_is_found(data_dir: Path, precision: str) -> dict[str, str]:
    """A process that starts now finds every committed incident, and none that was deleted."""
    settings = settings_of(data_dir, precision)
    services = Services(settings.model_copy(update={"embedding_enabled": False}))
    services.start(background=False)
    try:
        there = held(services.engine)
        assert there in written(data_dir)
        ever = {
            its_word
            for line in lines(data_dir / "writes.log")
            for its_word in line.get("begun", {}).values()
            if its_word
        }
        assert found(services, sorted(ever)) == there
    finally:
        services.stop()
    return there


@pytest.mark.slow
def test_thirty_kills_lose_nothing_bring_nothing_back_and_cost_no_encoding(
    tmp_path: Path, sqlite_template: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    save_small_indexes(monkeypatch.setattr)
    shutil.copy(sqlite_template, tmp_path / "opsatlas.db")
    engine = open_engine(settings_of(tmp_path, "fp32"))
    committed: set[tuple[str, str]] = set()
    counted = 0
    for number in range(KILLS):
        precision = chance.choice(PRECISIONS)
        nursery.live(
            chance.randrange(0, 25),
            chance.uniform(0, 0.03),
            tmp_path,
            seed=chance.randrange(1_000_000),
            precision=precision,
            round=number,
        )
        log = lines(tmp_path / "encoded.log")
        encoded = Counter((model_id, text) for at, model_id, text in log if at == number)
        for model_id in {model_id for model_id, _ in encoded}:
            del encoded[model_id, WARM_UP]
        assert set(encoded.values()) <= {1}
        assert not committed & encoded.keys(), "what had its vector was encoded again"
        counted += len(encoded)
        committed = vectors(engine)
        check_what_is_found(tmp_path, precision)
    assert list(tmp_path.glob("search-*/current"))  # there was a saved index to start from
    assert counted >= len(committed) > 100
    # What was in flight at a kill may be encoded again: a batch of each kind of job.
    assert counted - len(committed) <= KILLS * 2 * 4
    _check_meaning(tmp_path, engine, monkeypatch)
    engine.dispose()


def _check_meaning(data_dir: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left alone, the last settings win: their space serves, and each incident is found by it."""
    monkeypatch.setattr(ModelChoice, "load", lambda self: NotingEmbedder(self.model_id))
    services = Services(settings_of(data_dir, "int8"))
    services.start()
    wanted = services.models.wanted_space
    end = time.monotonic() + 30
    while True:
        with reading(engine) as session:
            serving = served(session)
        missing = [each for each in held(engine).values() if not _by_meaning(services, each)]
        if serving == wanted and not missing:
            break
        assert time.monotonic() < end, (serving, missing)
        time.sleep(0.2)
    services.stop()


def _by_meaning(services: Services, its_word: str) -> bool:
    hits = services.retriever.retrieve(f"{title(its_word)}\n\nseen with {its_word}").hits
    return bool(hits) and hits[0].semantic > 0.999
