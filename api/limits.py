"""Around every request: an id that all its log lines carry, a limit to its body, and an answer
whatever happens inside."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem, unforeseen
from opsatlas.errors import TooLargeError
from opsatlas.logs import log

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class BodyTooLargeError(TooLargeError):
    """The body is longer than this route takes."""

    code = "body_too_large"


class RequestIdMiddleware:
    """Takes over the caller's `X-Request-ID` or makes one; every answer and log line carries it.

    An error that nothing inside foresaw is answered here: further out, where the framework would
    do it, the answer would have no id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get(HEADER, "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((HEADER.encode(), request_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status is not None:
                raise
            await unforeseen(request, error)(scope, receive, send_with_id)
        finally:
            took = round((time.perf_counter() - started) * 1000, 1)
            path = scope["path"]
            log.info("request", method=scope["method"], path=path, status=status, took_ms=took)


class BodyLimitMiddleware:
    """Refuses a body above `limit_of(path)` bytes, by its declared length or as it arrives."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int]) -> None:
        self.app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        request = Request(scope)
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await _refusal(request, limit)(scope, receive, send)
            return
        seen = 0
        started = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise BodyTooLargeError(f"the body is longer than {limit:,} bytes")
            return message

        async def unless_too_long(message: Message) -> None:
            nonlocal started
            # What reads the body may turn our error into one of its own; this answer stands.
            if seen <= limit or started:
                started = True
                await send(message)

        try:
            await self.app(scope, counted, unless_too_long)
        except Exception:
            if seen <= limit or started:
                raise
        if seen > limit and not started:
            await _refusal(request, limit)(scope, receive, send)


def _refusal(request: Request, limit: int) -> Response:
    detail = f"the body is longer than {limit:,} bytes"
    return problem(request, 413, BodyTooLargeError.code, detail)
