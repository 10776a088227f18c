"""The real console script in processes of their own, each test with its own data folder."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli import warm
from tests.demo_run import SCRIPT, without_settings

SEED = Path(__file__).parents[2] / "seed_data"

ITEMS = """\
name,ci_class,criticality,owner,support_group
Checkout,business_service,1,Payments,payments-oncall
Search,business_service,2,Discovery,search-oncall
Reports,business_service,4,Finance,
orders-api,application,1,,
pgbouncer-orders,middleware,1,,
api-1,container,,,
api-2,container,,,
api-3,container,,,
db-orders-01,database,1,,
"""
RELATIONSHIPS = """\
dependent,provider,type,dependency,redundancy_group,min_up
Checkout,orders-api,depends_on,required,,
Reports,Checkout,depends_on,optional,,
Search,api-1,depends_on,required,api,2
Search,api-2,depends_on,required,api,2
Search,api-3,depends_on,required,api,2
orders-api,pgbouncer-orders,depends_on,required,,
pgbouncer-orders,db-orders-01,depends_on,required,,
"""
INCIDENTS: list[dict[str, Any]] = [
    {
        "number": "INC-0001",
        "title": "Checkout 502, pool exhausted",
        "description": "pgbouncer waits for connections of the orders database",
        "cis": ["pgbouncer-orders"],
        "workaround": "RECONNECT in the pgbouncer console",
        "opened_at": "2026-01-05T10:00:00Z",
        "resolved_at": "2026-01-05T11:00:00Z",
    },
    {
        "number": "INC-0002",
        "title": "Search is slow",
        "description": "garbage collection pauses in api-2",
        "cis": ["api-2"],
        "workaround": "restart api-2",
        "opened_at": "2026-02-05T10:00:00Z",
    },
]
KNOWN_ERRORS: list[dict[str, Any]] = [
    {
        "id": "KE-0001",
        "title": "Pool of pgbouncer-orders exhausted",
        "symptoms": "checkout answers 502",
        "root_cause": "prepared transactions",
        "workaround": "RECONNECT",
        "cis": ["pgbouncer-orders"],
    }
]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[bytes]

    def ready_with_model(self, seconds: float = 120) -> None:
        """Wait until everything that is loaded is compared by meaning too."""
        end = time.monotonic() + seconds
        while not self._is_all_encoded():
            assert time.monotonic() < end, "the model does not warm up"
            time.sleep(0.2)

    def _is_all_encoded(self) -> bool:
        state = httpx.get(f"{self.url}/readyz", timeout=60).json()
        waiting = [state["jobs"].get(name, 0) for name in ("queued", "running")]
        return state["model"] == "ready" and not any(waiting)


@dataclass(frozen=True)
class Cli:
    """`opsatlas` in a folder of its own, with no settings but those that are given."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def with_settings(self, **settings: str) -> "Cli":
        return Cli(self.folder, self.settings | settings)

    def environment(self) -> dict[str, str]:
        given = {f"OPSATLAS_{name.upper()}": value for name, value in self.settings.items()}
        return without_settings() | {"COLUMNS": "80", "OPSATLAS_DATA_DIR": str(self.data)} | given

    @property
    def log(self) -> Path:
        """Standard error of what was started last."""
        return self.folder / "log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:  # a pipe that nobody reads would stop it once it is full
            return subprocess.Popen(
                [SCRIPT, *arguments],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __call__(self, *arguments: str, stdin: bytes = b"", timeout: float = 120) -> Result:
        done = subprocess.run(
            [warm.script(), *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def done(self, *arguments: str, stdin: bytes = b"") -> Result:
        """The same, for a command that must succeed."""
        result = self(*arguments, stdin=stdin)
        assert result.code == 0, result.err or result.out
        return result

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    @contextmanager
    def serving(self, *options: str) -> Iterator[Server]:
        """A server on a free port, stopped by SIGTERM at the end."""
        process = self.start("serve", "--port", "0", "--json", *options)
        try:
            yield Server(address_of(process), process)
            assert process.poll() is None, self.log.read_text()
        finally:
            process.terminate()
            process.communicate(timeout=60)
        assert process.returncode == 0, self.log.read_text()


def address_of(process: subprocess.Popen[bytes]) -> str:
    """Where `serve --json` says that it listens."""
    assert process.stdout is not None
    text = b""
    while not text.rstrip().endswith(b"}"):
        line = process.stdout.readline()
        assert line, "the server ended before it listened"
        text += line
    url: str = json.loads(text)["url"]
    return url


def make_cli(folder: Path) -> Cli:
    folder.mkdir(parents=True, exist_ok=True)
    cli = Cli(folder)
    cli.write("items.csv", ITEMS)
    cli.write("relationships.csv", RELATIONSHIPS)
    cli.write("incidents.json", json.dumps(INCIDENTS))
    cli.write("known_errors.json", json.dumps(KNOWN_ERRORS))
    return cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A command with an empty data folder, and small files to load."""
    return make_cli(tmp_path / "own")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A command over a small shop that is loaded; tests that share it must only read."""
    cli = make_cli(tmp_path_factory.mktemp("shop"))
    cli.done("load", "items.csv", "relationships.csv")
    cli.done("incidents", "load", "incidents.json")
    cli.done("known-errors", "load", "known_errors.json")
    return cli


@dataclass(frozen=True)
class RunningShop:
    """The shop behind a server whose model is warm; `cli` asks it as a responder."""

    server: Server
    cli: Cli


@pytest.fixture(scope="session")
def shop_server(shop: Cli) -> Iterator[RunningShop]:
    key = shop.done("keys", "create", "--role", "responder", "--json").json["key"]
    with shop.serving() as server:
        server.ready_with_model()
        yield RunningShop(server, shop.with_settings(url=server.url, api_key=key))


def same_but_for_time(document: Any) -> Any:
    """An answer without what differs from one time to the next."""
    if isinstance(document, dict):
        return {
            name: same_but_for_time(value)
            for name, value in document.items()
            if name not in ("took_ms", "request_id")
        }
    if isinstance(document, list):
        return [same_but_for_time(each) for each in document]
    return document


def plain_words(text: str) -> str:
    """Terminal output with its line breaks and tree lines taken out, to look for sentences."""
    return re.sub(r"[\s│├└─]+", " ", text)
