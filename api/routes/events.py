"""Events as they happen: changes of services' states, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from api.auth import Held, Reader, admit
from api.ids import LARGEST
from api.strict_route import StrictRoute
from opsatlas.actor import Role
from opsatlas.errors import OpsAtlasError

router = APIRouter(route_class=StrictRoute, prefix="/events", tags=["live state"])


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


@router.get("", response_class=EventStream)
async def listen(
    request: Request,
    held: Held,
    _caller: Reader,
    after: Annotated[
        int | None,
        Query(ge=0, le=LARGEST, description="Id of an event: begin after it; 0: all that is kept"),
    ] = None,
    follow: Annotated[
        bool, Query(description="`false`: end with what is there instead of waiting for more")
    ] = True,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=LARGEST, description="As `after`; browsers send it when they come back"),
    ] = None,
) -> EventStream:
    """Changes of services' states as they happen (server-sent events), from now on or after one."""
    feed = held.live.feed
    feed.admit_another()

    async def still_welcome() -> bool:
        try:
            await admit(request, Role.READER)
        except OpsAtlasError:
            return False
        return True

    events = feed.stream(
        after if last_event_id is None else last_event_id,
        follow=follow,
        heartbeat=held.settings.events_heartbeat,
        still_welcome=still_welcome,
    )
    return EventStream(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
