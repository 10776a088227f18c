"""`opsatlas serve`: the HTTP API, in one process or several."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import terminal
from api.cli.client import unusable_told
from api.cli.failures import DONE, INTERRUPTED, UsageError
from api.cli.start import Json, import_application, read_settings

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn
    from fastapi import FastAPI

    from opsatlas.settings import Settings

_APPLICATION = "api.cli.serve:application"
_LAST_REQUESTS = 10
"""Seconds that running requests have to end once the server is told to stop."""
_SILENT_WORKER = 60
"""Seconds after which a silent worker is replaced: loading the model stops it for some."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [OPSATLAS_HOST].")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one [OPSATLAS_PORT]."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
    as_json: Json = False,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C. Log lines go to standard error as JSON."""
    import uvicorn

    from opsatlas import logs

    settings = read_settings()
    logs.configure(settings.log_level)
    listening = _listen(host or settings.host, settings.port if port is None else port)
    _prepare(settings, _address(listening), workers, as_json=as_json)
    config = uvicorn.Config(
        _APPLICATION,
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_LAST_REQUESTS,
        timeout_worker_healthcheck=_SILENT_WORKER,
    )
    # Before uvicorn listens for it, and when it raises it again after an orderly stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))
    try:
        _run(config, listening)
    except KeyboardInterrupt:
        terminal.note("stopped")
        sys.exit(INTERRUPTED)  # past Typer, which would make it an error to be told in JSON


def application() -> FastAPI:
    """The application of one server process."""
    import_application()
    from api.app import create_app
    from api.services import Services
    from opsatlas import logs

    settings = read_settings()
    logs.configure(settings.log_level)
    return create_app(Services(settings))


def _run(config: uvicorn.Config, listening: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    if config.workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        supervisor = Multiprocess(config, sockets=[listening])
        interrupted = _noting_ctrl_c()
        supervisor.run()
        if interrupted.is_set():
            raise KeyboardInterrupt


def _noting_ctrl_c() -> threading.Event:
    """Set once SIGINT came, which whoever handles it now keeps to himself."""
    came = threading.Event()
    handler = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        came.set()
        if callable(handler):
            handler(number, frame)

    signal.signal(signal.SIGINT, note)
    return came


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until the application is there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(socket.SOMAXCONN)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0).lower()}"
            if error.errno and error.errno > 0
            else f"cannot listen on {host}:{port}: {error.strerror}",
            hint="--port chooses another; is a server running already?",
        ) from error
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _prepare(settings: Settings, address: str, workers: int, *, as_json: bool) -> None:
    """Bring the database to the newest schema, once for all workers, and say where we are."""
    from api import keys
    from opsatlas.db import migrate
    from opsatlas.db.engine import open_engine
    from opsatlas.db.transaction import reading
    from search import vector_choice

    with unusable_told(settings):
        engine = open_engine(settings)
        migrate.upgrade(engine)
        vector_choice.prepare(engine, settings.vector_index)
        keys.pepper(settings)  # made here, where no other worker makes it at the same time
    with reading(engine) as session:
        has_keys = bool(keys.list_keys(session))
    engine.dispose()
    announcement: Mapping[str, Any] = {"url": address, "pid": os.getpid(), "workers": workers}
    if as_json:
        terminal.print_json(announcement)
        return
    terminal.stdout.print(f"OpsAtlas listens on {address}")
    if not has_keys:
        terminal.stdout.print(
            "There is no API key yet; `opsatlas keys create --role admin` makes one."
        )
