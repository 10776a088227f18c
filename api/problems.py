"""Every error as `application/problem+json` (RFC 9457): ours, FastAPI's own, and the unforeseen."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from api.request_errors import items_of
from opsatlas import errors
from opsatlas.errors import ErrorItem, OpsAtlasError
from opsatlas.field_docs import field_docs
from opsatlas.logs import log

MEDIA_TYPE = "application/problem+json"
_SHOWN = 200
_STATUS: tuple[tuple[type[OpsAtlasError], int], ...] = (
    (errors.MalformedInputError, 400),
    (errors.UnauthenticatedError, 401),
    (errors.ForbiddenError, 403),
    (errors.NotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.PreconditionFailedError, 412),
    (errors.TooLargeError, 413),
    (errors.InvalidInputError, 422),
    (errors.UnavailableError, 503),
)
CODES = {
    "invalid_request": (422, "A field or parameter is missing, unknown or of the wrong kind"),
    "bad_request": (400, "The body cannot be read, for example a broken multipart form"),
    "not_found": (404, "There is nothing at this address, or no such record"),
    "method_not_allowed": (405, "This address does not take this method; `Allow` says which"),
    "database_unavailable": (503, "The database cannot be reached; try again"),
    "internal_error": (500, "A fault of ours; the log has more, under the request id"),
}
"""The codes that are no class of ours, each with its status and meaning."""


class UnsupportedMediaTypeError(errors.MalformedInputError):
    """The body is of a type or encoding that the route does not take (HTTP 415)."""

    code = "unsupported_media_type"


class ProblemItem(BaseModel):
    """One place in the request that is wrong."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    pointer: str
    """JSON pointer (RFC 6901) into the body; `/query/…`, `/path/…`, `/header/…` for the others."""
    detail: str
    value: Any = None
    """What was sent there, shortened."""
    hint: str | None = None
    candidates: list[dict[str, Any]] | None = None
    """The records that the value could have meant."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    """The path that was asked for."""
    code: str
    """Says exactly which error this is; programs may rely on it."""
    request_id: str | None
    """The same as in `X-Request-ID`; the server's log lines carry it."""
    errors: list[ProblemItem] = []


class ProblemResponse(JSONResponse):
    """A problem on its way out; half a character in it is escaped instead of failing us."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def install(app: FastAPI) -> None:
    """Turn every error that leaves a route of `app` into a problem."""
    app.add_exception_handler(OpsAtlasError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OperationalError, _database_error)


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    items: Sequence[ErrorItem] = (),
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    """A problem response."""
    body = Problem(
        type=f"urn:opsatlas:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(request.url.path),
        code=code,
        request_id=getattr(request.state, "request_id", None),
        errors=[
            ProblemItem(
                pointer=item.pointer,
                detail=item.detail,
                value=_shown(item.value),
                hint=item.hint,
                candidates=list(item.candidates) or None,
            )
            for item in items
        ],
    )
    content = body.model_dump(exclude_none=True) | {"request_id": body.request_id}
    return ProblemResponse(content, status, headers=headers)


def status_of(error: OpsAtlasError) -> int:
    """The HTTP status of one of our errors, by its kind."""
    if isinstance(error, UnsupportedMediaTypeError):
        return 415
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def unforeseen(request: Request, error: Exception) -> ProblemResponse:
    """The answer to a fault of ours: what happened stands in the log alone."""
    try:
        log.error("unforeseen_error", exc_info=error)
    except Exception:
        # What happened may be too odd to be told in full; the caller is answered all the same.
        log.error("unforeseen_error", kind=type(error).__name__)
    detail = "something went wrong here; the log has more, under this request id"
    return problem(request, 500, "internal_error", detail)


async def _domain_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, OpsAtlasError)  # noqa: S101 - registered for this class alone
    status = status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(status)
    return problem(request, status, error.code, str(error), error.errors, headers)


async def _validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    items = items_of(error)
    first = items[0] if items else ErrorItem("", "the request is not valid")
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    detail = f"{first.pointer or 'the body'}: {first.detail}{more}"
    return problem(request, 422, "invalid_request", detail, items)


async def _http_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    if isinstance(error.__cause__, OpsAtlasError):
        # FastAPI says "400" to whatever goes wrong while a body is read; ours says what it was.
        return await _domain_error(request, error.__cause__)
    code = HTTPStatus(error.status_code).name.lower()
    headers = dict(error.headers) if error.headers else {}
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.url.path}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names the methods of one route, and an address may be shared by several.
        headers["Allow"] = ", ".join(request.app.state.methods_at(request.url.path))
        detail = f"{request.method} is not possible here, only {headers['Allow']}"
    return problem(request, error.status_code, code, detail, headers=headers)


async def _database_error(request: Request, error: Exception) -> ProblemResponse:
    log.error("database_unavailable", exc_info=error)
    detail = "the database cannot be reached now"
    return problem(request, 503, "database_unavailable", detail, headers={"Retry-After": "5"})


def _shown(value: Any) -> Any:
    """A value short enough, and plain enough for JSON, to be sent back."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _shown(repr(value)[: _SHOWN + 1])
