"""The OpenAPI description: what FastAPI sees, and what only we know of every answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, Problem, ProblemItem

_COMPONENT = "#/components/schemas/{model}"
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_ALWAYS = {
    "400": "The request cannot be read",
    "401": "No valid API key",
    "403": "The key's role is not enough",
    "404": "It does not exist",
    "422": "The request says something that cannot be",
    "500": "A fault of ours; the log has more, under the request id",
    "503": "Not now; try again",
}
_OF_WRITES = {"409": "The state of the data forbids it"}
_OF_BODIES = {"413": "The body is too large", "415": "The body is of another type"}
_OF_CONDITIONS = {"412": "The record changed since it was read"}
_REQUEST_ID = {
    "description": "Names this request; the server's log lines carry it",
    "schema": {"type": "string"},
}
_ETAG = {"description": "The record's version, for `If-Match`", "schema": {"type": "string"}}
_LOCATION = {"description": "Path of what was made", "schema": {"type": "string"}}
_OF_LOADS = "LoadProblem"
_FRAMEWORKS = ("HTTPValidationError", "ValidationError")
"""FastAPI's own shapes of errors, which nothing here answers with."""


def describe(app: FastAPI) -> None:
    """Make `app` describe itself, once, when it is first asked."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            app.openapi_schema = completed(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with every error as a problem, and the headers that every answer has."""
    schemas = document["components"]["schemas"]
    # What a load reports is a problem, too; the plain name is that of what every error answers.
    schemas[_OF_LOADS] = schemas.pop(Problem.__name__)
    _refer_anew(document, Problem.__name__, _OF_LOADS)
    for name in _FRAMEWORKS:
        schemas.pop(name, None)
    for model in (Problem, ProblemItem):
        schema = model.model_json_schema(ref_template=_COMPONENT, mode="serialization")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                _complete(operation, method)
    return document


def _refer_anew(value: Any, old: str, new: str) -> None:
    if isinstance(value, list):
        for each in value:
            _refer_anew(each, old, new)
    elif isinstance(value, dict):
        if value.get("$ref") == _COMPONENT.format(model=old):
            value["$ref"] = _COMPONENT.format(model=new)
        for each in value.values():
            _refer_anew(each, old, new)


def _complete(operation: dict[str, Any], method: str) -> None:
    responses = operation["responses"]
    if "security" in operation:
        responses.update({status: _problem(text) for status, text in _errors(operation, method)})
    else:
        responses.pop("422", None)
        responses["500"] = _problem(_ALWAYS["500"])
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-ID"] = _REQUEST_ID
        if status in ("201", "202"):
            headers["Location"] = _LOCATION
        if status == "200" and _is_conditional(operation):
            headers["ETag"] = _ETAG


def _is_conditional(operation: dict[str, Any]) -> bool:
    return any(each["name"] == "if-match" for each in operation.get("parameters", ()))


def _errors(operation: dict[str, Any], method: str) -> list[tuple[str, str]]:
    found = dict(_ALWAYS)
    if method != "get":
        found |= _OF_WRITES
    if "requestBody" in operation:
        found |= _OF_BODIES
    if _is_conditional(operation):
        found |= _OF_CONDITIONS
    return sorted(found.items())


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": _COMPONENT.format(model="Problem")}
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
