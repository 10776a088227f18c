"""A client of the API for tests: in this process or at a real server, with the key of a role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from sqlalchemy import func, select, text

from api import keys
from api.app import API, create_app
from api.services import Services
from opsatlas.actor import SYSTEM, Role
from opsatlas.db.transaction import reading, transaction
from tests.models import METADATA


class InProcess(httpx.BaseTransport):
    """Hands requests to an application whose loop runs in a thread beside."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self.app = app
        self._asgi = httpx.ASGITransport(app)
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._asgi.handle_async_request(request)
        body = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=body)


class Asker:
    """Asks as one role; paths are below `/api/v1`."""

    def __init__(self, http: httpx.Client, services: Services, made: dict[Role, str]) -> None:
        self.http = http
        self.services = services
        self.keys = made
        self.role: Role | None = Role.ADMIN

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if self.role is not None:
            headers.setdefault("Authorization", f"Bearer {self.keys[self.role]}")
        return self.http.request(method, API + path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, **({"json": body} | options))

    def post_bytes(
        self, path: str, body: bytes, content_type: str = "application/json"
    ) -> httpx.Response:
        return self.request("POST", path, content=body, headers={"Content-Type": content_type})

    def upload(self, path: str, *files: tuple[str, bytes | str], **fields: str) -> httpx.Response:
        named = [
            ("file", (name, content.encode() if isinstance(content, str) else content))
            for name, content in files
        ]
        return self.request("POST", path, files=named, data=fields)

    def load_csv(self, *rows: str, header: str = "name,ci_class", **fields: str) -> httpx.Response:
        return self.upload("/imports", ("cis.csv", "\n".join([header, *rows]) + "\n"), **fields)

    def as_(self, role: Role | None) -> Asker:
        """The same client with the key of another role, or with none."""
        other = Asker(self.http, self.services, self.keys)
        other.role = role
        return other

    def row_counts(self) -> dict[str, int]:
        """How many rows each table has: whether a refused write left anything behind."""
        with reading(self.services.engine) as session:
            return {
                table.name: session.scalar(select(func.count()).select_from(table)) or 0
                for table in METADATA.sorted_tables
                if table.name != "api_key"
            } | {"revision": session.scalar(text("SELECT newest FROM revision_counter")) or 0}


def keys_of(services: Services) -> dict[Role, str]:
    """A key for each role."""
    with transaction(services.engine) as session:
        return {
            role: keys.create_key(session, services.pepper, role, f"test {role}", SYSTEM).key
            for role in Role
        }


@contextmanager
def in_process(services: Services) -> Iterator[Asker]:
    """The application over `services`, without a server and without its background threads."""
    app = create_app(services, background=False)
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(app.router.lifespan_context(app)):
            with httpx.Client(transport=InProcess(app, portal), base_url="http://test") as http:
                yield Asker(http, services, keys_of(services))


def problem(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem that `response` is; fails where it is not one with all that belongs to it."""
    assert response.status_code == status, (response.status_code, response.text[:500])
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"} == set(
        found
    )
    assert found["status"] == status
    assert found["request_id"] == response.headers["x-request-id"]
    assert found["type"] == f"urn:opsatlas:problem:{found['code']}"
    assert found["detail"]
    for item in found["errors"]:
        assert {"pointer", "detail"} <= set(item)
        assert item["detail"]
    if code is not None:
        assert found["code"] == code, found
    return found
