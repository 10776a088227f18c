"""The application in this process, behind the same HTTP client that speaks to servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from api.cli import terminal
from api.cli.failures import INTERRUPTED, NOTHING_WRITTEN, InterruptedByUserError
from api.cli.interruption import Interruption

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.services import Services


class InProcessTransport(httpx.BaseTransport):
    """Hands requests to an application that runs in a thread beside; Ctrl-C ends its work."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, interruption: Interruption) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._portal = portal
        self._interruption = interruption

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = self._portal.start_task_soon(self._answer, request)
        try:
            return answer.result()
        except KeyboardInterrupt:
            self._interruption.stop()
            terminal.note("interrupted; ending the unit of work (Ctrl-C again: at once)")
        try:
            response = answer.result()
        except KeyboardInterrupt:
            # The database undoes what was not committed, as after any other sudden end.
            os._exit(INTERRUPTED)
        done = response.is_success and request.method != "GET"
        raise InterruptedByUserError(
            "interrupted; it was all done by then" if done else NOTHING_WRITTEN
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        body = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=body)


@contextmanager
def running(services: Services) -> Iterator[InProcessTransport]:
    """The application over `services`, started without its background threads, then stopped."""
    from api.app import create_app

    app = create_app(services, background=False)
    interruption = Interruption(services.engine)
    with start_blocking_portal() as portal:
        lifespan = app.router.lifespan_context(app)
        with portal.wrap_async_context_manager(lifespan):
            yield InProcessTransport(app, portal, interruption)
