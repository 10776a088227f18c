"""docs/http-api.md is true: its commands run, and it names every route and every code."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import api
import cmdb
import kb
import opsatlas
import search
from api.app import _ROUTERS
from api.problems import CODES, status_of
from api.services import Services
from api.strict_route import StrictRoute
from opsatlas.actor import Role
from opsatlas.errors import OpsAtlasError
from opsatlas.settings import Settings
from tests.api.asking import Asker, keys_of
from tests.api.company import load_seed, serving

TEXT = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
COMMANDS = re.findall(r"^```bash\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server over the seed company, as the commands expect it."""
    folder = tmp_path_factory.mktemp("doc")
    services = Services(Settings(_env_file=None, data_dir=folder, embedding_enabled=False))
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        asker = Asker(http, services, keys_of(services))
        load_seed(asker)
        yield {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "OPSATLAS_URL": address,
            "OPSATLAS_API_KEY": asker.keys[Role.ADMIN],
        }


@pytest.mark.parametrize("script", COMMANDS, ids=range(len(COMMANDS)))
def test_every_command_runs_as_it_stands(
    script: str, environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("{")
    assert '"state":"failed"' not in done.stdout


def _codes_in_the_source() -> dict[str, int]:
    for package in (opsatlas, cmdb, search, kb, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                importlib.import_module(module.name)
    found = {code: status for code, (status, _) in CODES.items()}
    waiting = OpsAtlasError.__subclasses__()
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if not error.__module__.startswith(("api.cli", "tests")):
            found[error.code] = status_of(error("x"))
    return found


def test_every_code_is_listed_with_its_status_and_no_other() -> None:
    listed = {
        code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", TEXT, re.M)
    }
    assert listed == _codes_in_the_source()


def test_every_route_is_listed_with_its_role_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z]+)` \| `(/[^`]*)` \| (\w+) \|", TEXT, re.MULTILINE))
    assert listed == {
        (method, route.path_format, str(route.role))
        for router in _ROUTERS
        for route in router.routes
        if isinstance(route, StrictRoute)
        for method in route.methods or ()
    }
