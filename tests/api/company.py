"""What tests of the API start and load: a server, a small company, the seed company."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from sqlalchemy import create_engine, text

from api.app import create_app
from api.services import Services
from tests.api.asking import Asker

SEED = Path(__file__).parents[2] / "seed_data"


CIS = """\
key,name,ci_class,criticality,owner,support_group
svc,Checkout,business_service,1,Payments,payments-oncall
app,orders-api,application,,,
db1,db-1,database,,,
db2,db-2,database,,,
db3,db-3,database,,,
"""
NEEDS = """\
dependent,provider,type,redundancy_group,min_up
svc,app,depends_on,,
app,db1,depends_on,dbs,2
app,db2,depends_on,dbs,2
app,db3,depends_on,dbs,2
"""


def create_database(server_url: str, name: str) -> None:
    """Make an empty database on a PostgreSQL server."""
    url = server_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """A uvicorn server over `services` in a thread; its address."""
    config = uvicorn.Config(create_app(services), log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def load_small(asker: Asker) -> None:
    """A service, an application and its three databases, two of which must be up."""
    answer = asker.upload("/imports", ("cis.csv", CIS), ("needs.csv", NEEDS), source="small")
    assert answer.json()["state"] == "done", answer.text


def load_seed(asker: Asker) -> None:
    """Load everything in seed_data/ over HTTP."""
    inventory = [(file.name, file.read_bytes()) for file in sorted(SEED.glob("inventory/*.csv"))]
    report = asker.upload("/imports", *inventory, source="seed")
    assert (report.status_code, report.json()["state"]) == (200, "done"), report.text
    for noun in ("known_errors", "incidents", "changes"):
        file = SEED / "incidents" / f"{noun}.jsonl"
        path = f"/{noun.replace('_', '-')}/imports"
        assert asker.upload(path, (file.name, file.read_bytes())).json()["state"] == "done"
    articles = [(file.name, file.read_bytes()) for file in sorted(SEED.glob("articles/*.md"))]
    assert asker.upload("/articles/imports", *articles).json()["state"] == "done"
    feedback = SEED / "incidents" / "feedback.jsonl"
    given = asker.upload("/feedback/imports", (feedback.name, feedback.read_bytes()))
    assert given.json()["state"] == "done"
