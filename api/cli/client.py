"""One way for every command to ask: HTTP, to the server at `OPSATLAS_URL` or in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from api.cli.failures import (
    InterruptedByUserError,
    ProblemError,
    ServerUnreachableError,
    UsageError,
)
from api.cli.start import import_application
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings

if TYPE_CHECKING:
    from api.services import Services

API = "/api/v1"
_SHOWN = 200

Files = Sequence[tuple[str, tuple[str, bytes]]]
"""Multipart files: field name, file name, content."""


class Client:
    """Asks the API. `local` is what this process holds, None where a server is asked."""

    def __init__(self, http: httpx.Client, local: Services | None) -> None:
        self._http = http
        self._where = http.base_url.copy_with(username=None, password=None)
        self.local = local

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of `path`. Raises ProblemError, or ServerUnreachableError."""
        return self._document(self.send("GET", path, params=params))

    def post(self, path: str, body: Any) -> Any:
        """The JSON answer to a JSON body. Raises as `get` does."""
        return self._document(self.send("POST", path, json=body))

    @staticmethod
    def parameters_of(address: str) -> dict[str, str]:
        """The parameters of a list's `next`: only they are followed, never another place."""
        return dict(httpx.URL(address).params)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Files | None = None,
    ) -> httpx.Response:
        """The response, whose status is below 400. Raises as `get` does."""
        try:
            response = self._http.request(
                method, API + path, params=params, json=json, data=data, files=files
            )
        except httpx.TimeoutException as error:
            raise ServerUnreachableError(
                f"{self._where} did not answer in time",
                hint="OPSATLAS_HTTP_TIMEOUT sets how long to wait",
            ) from error
        except httpx.TransportError as error:
            raise ServerUnreachableError(
                f"{self._where} cannot be reached: {error}",
                hint="is the server running? OPSATLAS_URL says where; without it commands work on"
                " the local database",
            ) from error
        except KeyboardInterrupt:
            raise InterruptedByUserError(
                "interrupted"
                if method == "GET"
                else "interrupted; the server may still finish what it was asked to do"
            ) from None
        if response.is_redirect:
            # The key must not travel to wherever an answer points.
            raise ServerUnreachableError(
                f"{self._where} sends us on to {response.headers.get('location')}",
                hint="set OPSATLAS_URL to the address of the server itself",
            )
        if response.is_error:
            raise ProblemError(self._document(response))
        return response

    def _document(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            told = " ".join(response.text[:_SHOWN].split())
            raise ServerUnreachableError(
                f"{self._where} answered {response.status_code} with no JSON: {told}",
                hint="is OPSATLAS_URL the address of an OpsAtlas server?",
            ) from error


@contextmanager
def connected(settings: Settings) -> Iterator[Client]:
    """A client for the server that the settings name, or else for the local database."""
    if settings.url:
        with _remote(settings) as http:
            yield Client(http, None)
    else:
        with local(settings) as client:
            yield client


@contextmanager
def local(settings: Settings) -> Iterator[Client]:
    """A client for the application in this process, which asks for no key."""
    from api.cli.in_process import running

    services = open_services(settings)
    with (
        running(services) as transport,
        httpx.Client(transport=transport, base_url="http://local") as http,
    ):
        yield Client(http, services)


def open_services(settings: Settings) -> Services:
    """What this process holds of an installation, its database at the newest schema.

    Raises UsageError where the data folder or the database cannot be used.
    """
    import_application()
    from api.services import Services
    from opsatlas.actor import local_admin
    from opsatlas.db import migrate

    # A job would wait for a worker that this process does not have.
    whole = settings.model_copy(update={"import_background_bytes": settings.max_upload_bytes})
    with unusable_told(settings):
        services = Services(whole, local_actor=local_admin())
        migrate.upgrade(services.engine)
    return services


@contextmanager
def unusable_told(settings: Settings) -> Iterator[None]:
    """Turns what goes wrong when a data folder or database is opened into UsageError."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the data folder {settings.data_dir} cannot be used: {error.strerror or error}",
            hint="OPSATLAS_DATA_DIR names it",
        ) from error
    except DBAPIError as error:
        raise UsageError(
            f"the database cannot be used: {str(error.orig).strip()}",
            hint="`opsatlas doctor` says which one it is and what is wrong",
        ) from error
    except InvalidInputError as error:
        raise UsageError(error.detail, hint=error.hint, errors=error.errors) from error


@contextmanager
def _remote(settings: Settings) -> Iterator[httpx.Client]:
    key = settings.api_key.get_secret_value().strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError("OPSATLAS_API_KEY has characters that no key of ours has")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        http = httpx.Client(base_url=settings.url, headers=headers, timeout=settings.http_timeout)
    except httpx.InvalidURL as error:
        raise UsageError(f"OPSATLAS_URL is no address: {error}") from error
    with http:
        yield http
