"""The FastAPI application: middleware, errors, routers, and the services it runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from api import openapi, problems
from api.event_feed import closed_by_signals
from api.limits import BodyLimitMiddleware, RequestIdMiddleware
from api.routes import (
    articles,
    audit,
    candidates,
    catalogue,
    changes,
    cmdb_health,
    diff,
    duplicates,
    embedding,
    events,
    export,
    feedback,
    formats,
    health,
    identification,
    impact,
    imports,
    incidents,
    items,
    jobs,
    keys,
    known_errors,
    live_services,
    maintenance,
    merges,
    precedence,
    relationships,
    reviews,
    sources,
    states,
    suggestions,
    suspects,
    syncs,
    views,
    weak_points,
)
from api.services import Services
from opsatlas import __version__
from opsatlas.settings import Settings

API = "/api/v1"
_ROUTERS: tuple[APIRouter, ...] = (
    impact.router,
    suspects.router,
    weak_points.router,
    views.router,
    states.router,
    live_services.router,
    events.router,
    maintenance.router,
    suggestions.router,
    candidates.router,
    feedback.router,
    embedding.router,
    items.router,
    merges.router,
    duplicates.router,
    relationships.router,
    diff.router,
    catalogue.router,
    sources.router,
    imports.router,
    syncs.router,
    formats.router,
    reviews.router,
    precedence.router,
    identification.router,
    cmdb_health.router,
    export.router,
    incidents.router,
    known_errors.router,
    articles.router,
    changes.router,
    audit.router,
    jobs.router,
    keys.router,
)
_DESCRIPTION = """\
Every route but `/healthz`, `/readyz` and `/version` wants `Authorization: Bearer <key>`. Every
error is a problem (RFC 9457) with a stable `code`; every answer has an `X-Request-ID`.
"""


def create_app(services: Services, *, background: bool = True) -> FastAPI:
    """The application over `services`, which it starts and stops with itself.

    `background` False leaves model and worker alone (one question from the command line).
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # A request holds a connection, and another for a moment: as many threads as there may be
        # connections would each hold one and wait for the second, for ever.
        current_default_thread_limiter().total_tokens = services.settings.database_pool_size
        services.start(background=background)
        try:
            with closed_by_signals(services.live.feed):
                yield
        finally:
            services.stop()

    app = FastAPI(
        title="OpsAtlas",
        version=__version__,
        summary="What is affected, what has worked before, what do we have",
        description=_DESCRIPTION,
        lifespan=lifespan,
        form_limits={"max_files": services.settings.import_max_files},
        redirect_slashes=False,
        # FastAPI's own pages load scripts from elsewhere; the description is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.state.methods_at = methods_at
    app.include_router(health.router)
    for router in _ROUTERS:
        app.include_router(router, prefix=API)
    problems.install(app)
    openapi.describe(app)
    settings = services.settings
    app.add_middleware(BodyLimitMiddleware, limit_of=lambda path: body_limit(settings, path))
    app.add_middleware(RequestIdMiddleware)
    return app


def body_limit(settings: Settings, path: str) -> int:
    """Largest body in bytes that the route at `path` takes."""
    if path == f"{API}/states":
        return settings.state_max_bytes
    uploads = path.startswith(API) and path.endswith(("/imports", "/formats/proposal"))
    return settings.max_upload_bytes if uploads else settings.max_body_bytes


def methods_at(path: str) -> list[str]:
    """The methods that the routes at `path` take together."""
    found: set[str] = set()
    for prefix, routers in (("", (health.router,)), (API, _ROUTERS)):
        routes = [route for router in routers for route in router.routes]
        for route in routes:
            if isinstance(route, APIRoute) and route.path_regex.match(path.removeprefix(prefix)):
                found.update(route.methods or ())
    return sorted(found)
