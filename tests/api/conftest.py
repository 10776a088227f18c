"""The API in this process over an empty database, and a real server over the seed company."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.services import Services
from opsatlas import logs
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process, keys_of
from tests.api.company import create_database, load_seed, load_small, serving


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs() -> None:
    logs.configure("error")


@pytest.fixture
def api_settings(sqlite_template: Path, settings: Settings) -> Settings:
    """Settings of an installation of its own at the newest schema; no model is loaded."""
    settings.data_dir.mkdir(parents=True)
    shutil.copy(sqlite_template, settings.data_dir / "opsatlas.db")
    return settings.model_copy(update={"embedding_enabled": False})


@pytest.fixture
def api(api_settings: Settings) -> Iterator[Asker]:
    """The API over an empty SQLite database."""
    with in_process(Services(api_settings)) as asker:
        yield asker


@pytest.fixture(params=["sqlite", "postgresql"])
def any_settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of an installation of its own; the test runs once on each of the databases."""
    name = "api_settings" if request.param == "sqlite" else "postgres_settings"
    found = request.getfixturevalue(name)
    assert isinstance(found, Settings)
    return found.model_copy(update={"embedding_enabled": False})


@pytest.fixture
def any_api(any_settings: Settings) -> Iterator[Asker]:
    """The API over an empty database; the test runs once on SQLite, once on PostgreSQL."""
    with in_process(Services(any_settings)) as asker:
        yield asker


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def stable_api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """The API over a small company on either database; tests leave its data as it is."""
    url = ""
    if request.param == "postgresql":
        server_url: str = request.getfixturevalue("postgres_server")
        name = f"stable_{uuid.uuid4().hex}"  # made again where tests of two databases take turns
        create_database(server_url, name)
        url = server_url.replace("/postgres?", f"/{name}?")
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("stable"),
        database_url=url,
        embedding_enabled=False,
    )
    with in_process(Services(settings)) as asker:
        load_small(asker)
        yield asker


@pytest.fixture
def small(api: Asker) -> Asker:
    """Checkout needs orders-api, which needs two of three databases."""
    load_small(api)
    return api


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """A real server on a free port, over the seed company; tests leave its data as it is."""
    folder = tmp_path_factory.mktemp("server")
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        embedding_enabled=False,
        import_background_bytes=200_000,
        job_poll_interval=0.05,
    )
    services = Services(settings)
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        asker = Asker(http, services, keys_of(services))
        load_seed(asker)
        yield asker
