"""What `opsatlas doctor` looks at; each check answers in a sentence, none raises or changes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from opsatlas.errors import InvalidInputError, OpsAtlasError
from opsatlas.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_LEAST_PYTHON, _BEYOND_PYTHON = (3, 11), (3, 14)
_LEAST_FREE = 500_000_000
"""Bytes; below this a load or a backup may fail for want of room."""


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warning", "error"]
    detail: str
    hint: str | None = None


def of_wrong_settings(error: InvalidInputError) -> list[Check]:
    """All that can be said where the settings themselves are wrong."""
    return [_python(), Check("settings", "error", error.detail)]


def of(settings: Settings, *, load_model: bool) -> list[Check]:
    """Every check of an installation; `load_model` tries the model too, which takes seconds."""
    checks = [_python(), _variables(), _folder(settings), _disk(settings), _model_files(settings)]
    checks.extend(_importers())
    checks.extend(_database(settings))
    if load_model:
        checks.append(_guarded("model run", lambda: _model_run(settings)))
    if settings.url:
        checks.append(_guarded("server", lambda: _server(settings)))
    return checks


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except OpsAtlasError as error:
        return Check(name, "error", error.detail, error.hint)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if _LEAST_PYTHON <= sys.version_info[:2] < _BEYOND_PYTHON:
        return Check("python", "ok", version)
    return Check("python", "error", version, "OpsAtlas needs Python 3.11 to 3.13")


def _variables() -> Check:
    """Settings are read from the environment; one that is misspelt would be passed over."""
    from cmdb.names import did_you_mean

    known = {f"OPSATLAS_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(
        name
        for name in os.environ
        if name.upper().startswith("OPSATLAS_") and name.upper() not in known
    )
    if not unknown:
        return Check("settings", "ok", "all are valid")
    return Check(
        "settings",
        "warning",
        f"no setting of ours: {', '.join(unknown)}",
        did_you_mean(unknown[0], known),
    )


def _folder(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK):
            return Check("data folder", "ok", f"{folder} is made by the first command")
        return Check("data folder", "error", f"{folder} is not there and cannot be made")
    if not folder.is_dir():
        return Check("data folder", "error", f"{folder} is not a folder", "OPSATLAS_DATA_DIR")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("data folder", "error", f"{folder} cannot be written to")
    return Check("data folder", "ok", str(folder))


def _disk(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    status: Literal["ok", "warning"] = "ok" if free >= _LEAST_FREE else "warning"
    return Check("disk", status, f"{free / 1e9:.1f} GB free at {there}")


def _model_files(settings: Settings) -> Check:
    """The files are there and are the published ones; found without loading the model."""
    from search.embedder import (
        PACKAGED_MODEL,
        ModelUnavailableError,
        check_published,
        packaged_folder,
    )
    from search.model_choice import chosen_model

    if settings.embedding_model != PACKAGED_MODEL:
        try:
            chosen = chosen_model(settings)
        except InvalidInputError as error:
            return Check("model files", "error", error.detail, error.hint)
        return Check("model files", "ok", f"{chosen.model_id}, {chosen.dimensions} dimensions")
    status: Literal["warning", "error"] = "error" if settings.embedding_enabled else "warning"
    try:
        check_published(packaged_folder())
    except ModelUnavailableError as error:
        return Check("model files", status, error.detail, error.hint)
    return Check("model files", "ok", f"{PACKAGED_MODEL}, every SHA-256 as published")


def _importers() -> Iterator[Check]:
    """Whether the inventory formats that other packages bring can be used."""
    from cmdb.importers.registry import broken_importers, importers

    if not broken_importers():
        yield Check("formats", "ok", f"{len(importers())} inventory formats can be loaded")
    for broken in broken_importers().values():
        yield Check("formats", "warning", str(broken), broken.hint)


def _model_run(settings: Settings) -> Check:
    from search.model_choice import chosen_model

    vectors = chosen_model(settings).load().encode(["a text"])
    return Check("model run", "ok", f"encodes into {vectors.shape[1]} dimensions")


def _database(settings: Settings) -> Iterator[Check]:
    from sqlalchemy.exc import DBAPIError

    from opsatlas.db.engine import open_engine

    file = settings.data_dir.absolute() / "opsatlas.db"
    if not settings.database_url and not file.exists():
        yield Check("database", "ok", f"{file} is made by the first command")
        return
    try:
        engine = open_engine(settings)
        yield from _database_checks(settings, engine)
        engine.dispose()
    except InvalidInputError as error:
        yield Check("database", "error", error.detail, error.hint)
    except DBAPIError as error:
        yield Check("database", "error", f"cannot be used: {str(error.orig).strip()}")
    except OSError as error:
        yield Check("database", "error", f"cannot be opened: {error.strerror or error}")


def _database_checks(settings: Settings, engine: Engine) -> Iterator[Check]:
    from sqlalchemy import text

    from opsatlas import jobs
    from opsatlas.db import migrate
    from opsatlas.db.transaction import reading

    url = engine.url.render_as_string(hide_password=True)
    schema, newest = migrate.current_schema(engine), migrate.newest_schema()
    if schema != newest:
        state = "is empty" if schema is None else f"is at schema {schema}, not {newest}"
        yield Check("database", "error", f"{url} {state}", "run `opsatlas db upgrade`")
        return
    yield Check("database", "ok", f"{url}, schema {schema}")
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            mode = connection.scalar(text("PRAGMA journal_mode"))
        good = mode == "wal"
        hint = None if good else "readers and writers wait for each other; is the disk a network's?"
        yield Check("journal", "ok" if good else "warning", f"SQLite journal mode {mode}", hint)
    if settings.vector_index == "pgvector":
        yield _guarded("vector index", lambda: _pgvector(settings, engine))
    with reading(engine) as session:
        yield _index(settings, session)
        yield from _spaces(settings, session)
        counted = jobs.counts(session)
    waiting, failed = counted.get("queued", 0) + counted.get("running", 0), counted.get("failed", 0)
    hint = "GET /api/v1/jobs?state=failed says why" if failed else None
    status: Literal["ok", "warning"] = "warning" if failed else "ok"
    yield Check("jobs", status, f"{waiting} to do, {failed} given up", hint)


def _index(settings: Settings, session: Session) -> Check:
    """Whether what is searched by meaning has kept up with what is searched by words."""
    from search.encoding import count_missing
    from search.model_choice import chosen_model
    from search.spaces import served

    serving = served(session)
    model_id = chosen_model(settings).model_id if serving is None else serving.model_id
    missing = count_missing(session, model_id)
    if not missing:
        return Check("index", "ok", "every passage is encoded")
    told = f"{missing:,} passages are not encoded yet and are found by their words only"
    hint = "a running server encodes them, or `opsatlas reindex`"
    return Check("index", "warning", told, hint if settings.embedding_enabled else None)


def _pgvector(settings: Settings, engine: Engine) -> Check:
    """Whether the vectors of the space that serves are in pgvector's table, and indexed."""
    from opsatlas.db.transaction import reading
    from search.indexes.pgvector_table import EmbeddingTable
    from search.model_choice import chosen_model
    from search.spaces import served

    with reading(engine) as session:
        space = served(session) or chosen_model(settings).space
    found = EmbeddingTable(engine, space, settings.vector_precision).report()
    told = f"pgvector {found.extension}, {found.held:,} of {found.stored:,} vectors"
    if found.indexed and found.held == found.stored:
        return Check("vector index", "ok", told)
    if not found.indexed:
        told += ", no index yet: all are compared"
    return Check("vector index", "warning", told, "a running server brings them in and builds it")


def _spaces(settings: Settings, session: Session) -> Iterator[Check]:
    """How far a change to another model is, while there is one, and who stands in its way."""
    from search.model_choice import chosen_model
    from search.space_models import SpaceState
    from search.spaces import count_passages, reports

    found = reports(session)
    serving = [each for each in found if each.state is SpaceState.SERVING]
    filling = [each for each in found if each.state is SpaceState.FILLING]
    passages = count_passages(session) if filling else 0
    for each in filling:
        told = f"{each.encoded:,} of {passages:,} passages are encoded for {each.model_id}"
        hint = "a running server encodes the rest, or `opsatlas reindex`; then it serves"
        if each.encoded == passages:
            others = [name for other in found if other is not each for name in other.wanted_by]
            hint = f"it serves once these want it too, or end: {', '.join(others)}"
        yield Check("next model", "warning", told, hint)
    chosen = chosen_model(settings).model_id
    if serving and chosen not in (each.model_id for each in (*serving, *filling)):
        yield Check(
            "next model",
            "warning",
            f"the settings choose {chosen}, {serving[0].model_id} serves",
            "a server with these settings goes over to it, or `opsatlas reindex`",
        )


def _server(settings: Settings) -> Check:
    """Whether the server at `OPSATLAS_URL` answers, and takes the key."""
    from api.cli.client import connected
    from api.cli.failures import ProblemError

    with connected(settings) as client:
        try:
            client.get("/ci-classes", {"limit": 1})
        except ProblemError as problem:
            return Check("server", "error", f"{settings.url} says: {problem}", "OPSATLAS_API_KEY")
    return Check("server", "ok", f"{settings.url} answers and takes the key")
