"""Collections kept in the data folder between two runs, and how we know that one is still good.

A folder `search-<lineage>` for each database that is used with the data folder. In it a folder for
each saving, the file `current` that names the one that counts, and a folder for each process with
the files of its lexical index while it runs. A saved index is a cache: replaced as a whole, never
changed, and whatever is not as it should be makes it as if there were none.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from opsatlas import revision
from opsatlas.collector import patient_collector
from opsatlas.db.transaction import reading
from opsatlas.errors import OpsAtlasError
from opsatlas.lineage import descends_from, lineage_name, newest_known
from search.collection import Collection
from search.in_memory import VectorsInMemory
from search.lexical import LexicalIndex
from search.saved_files import LEXICAL, BadIndexError, SavedParts, facts, link_files, read, write
from search.spaces import Space

SAVED_FROM = 2_000
"""Documents from which an index is worth a file: fewer are read from SQL in two seconds."""

_ANALYSIS = ("terms.py", "folding.py", "languages.py", "gloss.py", "lexical_fields.py")
_CURRENT = "current"
_WORK = "work-"
_SAVING = "saving-"
_WRITER_LOCK = ".tantivy-writer.lock"
_ABANDONED = 120.0
"""Seconds after which a folder that no process holds is taken for one of a process that died."""

_log = structlog.get_logger(__name__)


class SavedIndexes:
    """The saved index of a database: at most one, of one space."""

    def __init__(self, engine: Engine, folder: Path, saved_from: int = SAVED_FROM) -> None:
        self._engine = engine
        self._folder = folder
        self.saved_from = saved_from

    def workspace(self, session: Session) -> Path | None:
        """A new folder for the files of a lexical index; None where none can be had."""
        home = self._home(session)
        if home is None:
            return None
        folder = home / f"{_WORK}{uuid.uuid4().hex[:12]}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            _log.warning("search_index_not_on_disk", folder=str(home), reason=str(error))
            return None
        return folder

    def open_into(
        self, session: Session, meaning: VectorsInMemory, space: Space
    ) -> tuple[Collection, int] | None:
        """The saved collection of `space` and its revision; None where there is no sound one.

        Its vectors go into `meaning`, which must hold none yet.
        """
        started = time.perf_counter()
        home = self._home(session)
        name = None if home is None else _current(home)
        if home is None or name is None:
            return None
        try:
            noted = facts(home / name)
            self._check(session, noted, space)
            parts = read(home / name)
            workspace = home / f"{_WORK}{uuid.uuid4().hex[:12]}"
            link_files(home / name / LEXICAL, workspace)
            with patient_collector():
                lexical = LexicalIndex(workspace, parts.lexical)
                meaning.restore(parts.meaning)
        except (BadIndexError, OSError, ValueError) as error:
            _log.warning("saved_index_refused", folder=str(home / name), reason=str(error))
            return None
        collection = Collection(meaning, lexical)
        took = round((time.perf_counter() - started) * 1000)
        _log.info("saved_index_opened", documents=len(collection), took_ms=took, **noted)
        return collection, int(noted["revision"])

    def save(self, parts: SavedParts, folder: Path, space: Space, at: int) -> bool:
        """Write what `prepare` began and have it count, unless what counts is as new.

        Whether it did. A failure is logged: the files are only there for the next start.
        """
        home = folder.parent
        try:
            with reading(self._engine) as session:
                known, now = newest_known(session), revision.newest(session)
            before = _noted(home)
            same = (before.get("model_id"), before.get("analysis")) == (
                space.model_id,
                analysis(),
            )
            if same and at <= int(before["revision"]) <= now:
                shutil.rmtree(folder, ignore_errors=True)
                return False
            parts.facts.update(
                revision=at, model_id=space.model_id, known_entry=known, analysis=analysis()
            )
            size = write(folder, parts)
            _name_current(home, folder.name)
            _tidy_up(home, keep=folder.name)
        except (OSError, RuntimeError, OpsAtlasError) as error:
            _log.warning("search_index_not_saved", folder=str(home), reason=str(error))
            shutil.rmtree(folder, ignore_errors=True)
            return False
        _log.info("search_index_saved", folder=folder.name, revision=at, bytes=size)
        return True

    def prepare(self, session: Session, collection: Collection) -> tuple[SavedParts, Path] | None:
        """What `save` needs of a collection, taken while nobody writes to it; None where it
        cannot be saved, or is too small."""
        home = self._home(session)
        if home is None or len(collection) < self.saved_from:
            return None
        folder = home / f"{_SAVING}{uuid.uuid4().hex[:12]}"
        try:
            parts = collection.parts(folder / LEXICAL)
        except OSError as error:
            _log.warning("search_index_not_saved", folder=str(home), reason=str(error))
            parts = None
        if parts is None:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        return parts, folder

    def _home(self, session: Session) -> Path | None:
        name = lineage_name(session)
        return None if name is None else self._folder / f"search-{name}"

    def _check(self, session: Session, noted: dict[str, Any], space: Space) -> None:
        at, newest = noted.get("revision"), revision.newest(session)
        if not isinstance(at, int) or at > newest:
            raise BadIndexError(
                f"it is of revision {at}, the database of {newest}: an older backup"
            )
        known = noted.get("known_entry")
        if not isinstance(known, list) or not descends_from(session, known):
            raise BadIndexError("it is of a database with another history")
        if noted.get("analysis") != analysis():
            raise BadIndexError("its terms were made by another version")
        if noted.get("model_id") != space.model_id:
            raise BadIndexError(f"its vectors are of the model {noted.get('model_id')}")


@cache
def analysis() -> str:
    """What tells the terms of one version from those of another: the code and the word lists that
    they are made by."""
    search = files("search")
    sources = [search / name for name in _ANALYSIS]
    sources += sorted((search / "glossary").iterdir(), key=lambda each: each.name)
    digest = hashlib.blake2b(digest_size=8)
    for each in sources:
        if each.is_file():
            digest.update(each.read_bytes())
    return digest.hexdigest()


def _current(home: Path) -> str | None:
    try:
        name = (home / _CURRENT).read_text().strip()
    except (OSError, ValueError):
        return None
    return name if name.startswith(_SAVING) and "/" not in name else None


def _noted(home: Path) -> dict[str, Any]:
    name = _current(home)
    if name is None:
        return {}
    try:
        return facts(home / name)
    except BadIndexError:
        return {}


def _name_current(home: Path, name: str) -> None:
    written = home / f"{_CURRENT}.{uuid.uuid4().hex[:8]}"
    with written.open("w") as file:
        file.write(name)
        file.flush()
        os.fsync(file.fileno())
    written.replace(home / _CURRENT)


def _tidy_up(home: Path, keep: str) -> None:
    """Take away what was saved before, and what processes left that ended without a word."""
    for each in home.iterdir():
        with suppress(OSError):
            old = time.time() - each.stat().st_mtime > _ABANDONED
            saving = each.name.startswith(_SAVING) and each.name != keep
            working = each.name.startswith(_WORK)
            if (saving and (old or _is_whole(each))) or (working and old and not _is_held(each)):
                shutil.rmtree(each)


def _is_whole(folder: Path) -> bool:
    try:
        facts(folder)
    except BadIndexError:
        return False
    return True


def _is_held(folder: Path) -> bool:
    """Whether the process that writes there is alive: tantivy holds a lock as long."""
    try:
        with (folder / _WRITER_LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
