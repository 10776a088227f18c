"""Routes that know their caller before they read a body, and read it strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Form
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute

from api.auth import Caller, admit
from api.lists import list_query
from api.problems import UnsupportedMediaTypeError
from cmdb.names import did_you_mean
from opsatlas import strict_json
from opsatlas.actor import Role
from opsatlas.errors import ErrorItem, InvalidInputError, MalformedInputError

_JSON, _FORM = "application/json", "multipart/form-data"


class UnreadableAddressError(MalformedInputError):
    """The path or the query has a character that no text may have."""

    code = "unreadable_address"


class UnknownParameterError(InvalidInputError):
    """The query has a parameter that the route does not know."""

    code = "unknown_parameter"


class StrictRequest(Request):
    """A request whose `json()` is read by `opsatlas.strict_json`."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            settings = self.app.state.services.settings
            self._strict = strict_json.loads(await self.body(), settings.max_json_depth)
        return self._strict


class StrictRoute(APIRoute):
    """The route class of every router here."""

    @property
    def role(self) -> Role | None:
        """The least role that may call it; None where no key is asked for."""
        callers = (each.call for each in self.dependant.dependencies)
        return next((each.role for each in callers if isinstance(each, Caller)), None)

    @property
    def form_fields(self) -> frozenset[str]:
        """The fields of its form; empty where it takes none."""
        shape = None if self.body_field is None else self.body_field.field_info.annotation
        return frozenset(getattr(shape, "model_fields", ()))

    @property
    def query_names(self) -> frozenset[str] | None:
        """The parameters that it knows; None where the list engine knows them."""
        if any(each.call is list_query for each in self.dependant.dependencies):
            return None
        parameters = get_flat_params(self.dependant)
        return frozenset(
            each.alias for each in parameters if isinstance(each.field_info, QueryParameter)
        )

    async def at_once(self, _request: StrictRequest) -> Response | None:
        """The answer, where the event loop's own thread can give it; None for the ordinary way.

        For routes whose work is mostly very small. Whatever is unusual, an error above all, is
        left to the ordinary way.
        """
        return None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        role = self.role
        known = self.query_names
        takes = None
        if self.body_field is not None:
            takes = _FORM if isinstance(self.body_field.field_info, Form) else _JSON

        async def strict(request: Request) -> Response:
            if role is not None:
                request.state.caller = await admit(request, role)
            _require_text(request)
            if known is not None:
                _require_known(request, known)
            if takes is not None:
                _require_type(request, takes)
            strict_request = StrictRequest(request.scope, request.receive)
            return await self.at_once(strict_request) or await handle(strict_request)

        return strict


def _require_text(request: Request) -> None:
    if "\x00" in request.url.path:
        raise UnreadableAddressError("the path has a NUL character")
    for name, value in request.query_params.multi_items():
        if "\x00" in name or "\x00" in value:
            raise UnreadableAddressError(f"the parameter {name!r} has a NUL character")


def _require_known(request: Request, known: frozenset[str]) -> None:
    for name in request.query_params:
        if name not in known:
            hint = did_you_mean(name, known) or "it goes into the body, if anywhere"
            items = [ErrorItem(f"/query/{name}", "there is no such parameter", None, hint)]
            raise UnknownParameterError(
                f"there is no parameter {name!r} here", hint=hint, errors=items
            )


def _require_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "")
    essence = given.split(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaTypeError(f"the body is {encoding!r}", hint="send it as it is")
    if not given and request.headers.get("content-length", "0") == "0":
        return  # there is no body: FastAPI says that it is required
    if essence != wanted and not (wanted == _JSON and _is_json(essence)):
        declared = repr(given) if given else "of no declared type"
        raise UnsupportedMediaTypeError(f"the body is {declared}", hint=f"send {wanted}")


def _is_json(essence: str) -> bool:
    return essence.startswith("application/") and essence.endswith("+json")
