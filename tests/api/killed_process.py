"""Processes that write, edit, delete and encode until their test kills them.

    python -m tests.api.killed_process      starts one for each line of standard input

A line is a JSON object: `data_dir`, `seed`, `precision` (of the model, so that two spaces take
turns) and `round`. The answer is the number of the process. It is a whole server but for HTTP; in
the model's place is a quick one that writes down what it encodes. Each is a fork of a process that
has imported everything, since Python takes longer for that than such a process lives.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

import api.services
from api.services import Services
from kb import records
from kb.models import Incident
from kb.nouns import INCIDENTS
from kb.schemas import IncidentIn, IncidentPatch
from opsatlas import logs
from opsatlas.actor import Actor, Role
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from search import saving
from search.embedder import PACKAGED_DIMENSIONS, Vectors
from search.model_choice import ModelChoice
from search.onnx_embedder import INT8_MODEL_ID
from search.saved_index import SavedIndexes

WRITER = Actor("writer", Role.RESPONDER)
MOST = 120
"""Incidents that there are at once."""


class NotingEmbedder:
    """A bag of hashed words, in other places for the other space; notes what it is given."""

    dimensions = PACKAGED_DIMENSIONS

    def __init__(self, model_id: str, noted: Path | None = None, number: int = 0) -> None:
        self.model_id = model_id
        self._noted = noted
        self._round = number

    def encode(self, texts: Sequence[str]) -> Vectors:
        if self._noted is not None:
            hashes = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
            append(self._noted, *((self._round, self.model_id, each) for each in hashes))
            time.sleep(0.01)  # a model takes its time, so that kills come amid it
        return self.encode_questions(texts)

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:2]) % self.dimensions
                vectors[row, place] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        turned = unit[:, ::-1] if self.model_id == INT8_MODEL_ID else unit
        return np.ascontiguousarray(turned)


def settings_of(data_dir: Path, precision: str) -> Settings:
    """Those of every process of the test: leases are short, so that the dead are soon found out."""
    return Settings.model_validate(
        {
            "data_dir": data_dir,
            "embedding_precision": precision,
            "embedding_batch_size": 4,
            "search_candidates": 1000,
            "job_lease": 0.3,
            "job_poll_interval": 0.02,
        }
    )


def append(file: Path, *rows: Any) -> None:
    """One line a row, in one write: there or not there, whatever happens to the process."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    with file.open("ab", buffering=0) as opened:
        opened.write(lines.encode())


def save_small_indexes(change: Callable[[Any, str, Any], None]) -> None:
    """Have `change` set in a process that a few documents are worth a saved index, and often."""
    change(api.services, "SavedIndexes", partial(SavedIndexes, saved_from=20))
    change(saving, "_LEAST_CHANGED", 20)
    change(saving, "_LEAST_SECONDS", 0.0)


def word(number: int) -> str:
    """A word that no other number has, whose ending is no grammar."""
    return "q" + "".join("bcdfghjklm"[int(digit)] for digit in f"{number:06d}") + "q"


def held(engine: Engine) -> dict[str, str]:
    """The words of the incidents in SQL, by their numbers."""
    with reading(engine) as session:
        rows = session.execute(select(Incident.number, Incident.title))
        return {row.number: row.title.split()[0] for row in rows}


def live(data_dir: Path, seed: int, precision: str, number: int) -> None:
    """Write until killed; `writes.log` says what is about to be committed, and what is."""
    logs.configure("error")
    save_small_indexes(setattr)
    chance = random.Random(seed)
    setattr(  # noqa: B010 - in the place of the real model
        ModelChoice,
        "load",
        lambda self: NotingEmbedder(self.model_id, data_dir / "encoded.log", number),
    )
    services = Services(settings_of(data_dir, precision))
    services.start()
    writer = Writer(services, chance, map(word, range(number * 10_000, (number + 1) * 10_000)))
    while True:
        before = writer.held.copy()
        changed = writer.write()
        append(data_dir / "writes.log", {"committed": changed})
        services.retriever.retrieve(" ".join(list(before.values())[:5]))


class Writer:
    """Adds many, edits and deletes incidents, each time in one unit of work."""

    def __init__(self, services: Services, chance: random.Random, words: Iterator[str]) -> None:
        self._services = services
        self._chance = chance
        self._words = words
        self._log = services.settings.data_dir / "writes.log"
        self.held = held(services.engine)

    def write(self) -> dict[str, str | None]:
        """What was committed: the word that each incident has now, None where it was deleted."""
        few = self._chance.sample(sorted(self.held), min(len(self.held), 6))
        if len(self.held) > MOST or (few and self._chance.random() < 0.3):
            changed: dict[str, str | None] = dict.fromkeys(few)
        elif self._chance.random() < 0.5:
            changed = {number: next(self._words) for number in few}
        else:
            new = [next(self._words) for _ in range(self._chance.choice([1, 20]))]
            changed = {f"INC-{each}": each for each in new}
        append(self._log, {"begun": changed})
        with transaction(self._services.engine) as session:
            for number, now in changed.items():
                self._change(session, number, now)
        for number, now in changed.items():
            if now is None:
                del self.held[number]
            else:
                self.held[number] = now
        return changed

    def _change(self, session: Session, number: str, now: str | None) -> None:
        if now is None:
            records.delete(session, WRITER, INCIDENTS, number)
        elif number in self.held:
            patch = IncidentPatch(title=title(now), description=f"seen with {now}")
            records.change(session, WRITER, INCIDENTS, number, patch)
        else:
            new = IncidentIn(number=number, title=title(now), description=f"seen with {now}")
            records.create(session, WRITER, INCIDENTS, [new])


def title(its_word: str) -> str:
    return f"{its_word} is in trouble"


def main() -> None:
    """Fork a process for each line, and say its number."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave nothing behind
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            live(Path(asked["data_dir"]), asked["seed"], asked["precision"], asked["round"])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
