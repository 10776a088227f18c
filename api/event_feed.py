"""Events on their way to whoever listens: server-sent events, from the table by way of memory.

Each listener has its own place in the order of events and fetches from there at its own pace, so
a slow one holds up nobody.
"""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from cmdb.live_events import events_after, newest_event, oldest_event
from cmdb.live_schemas import StateEvent
from opsatlas.db.transaction import reading
from opsatlas.errors import UnavailableError

HEARTBEAT = ": still here\n\n"
_COME_BACK_AFTER_MS = 2000
_IN_MEMORY = 1_000
_AT_ONCE = 500


class TooManyListenersError(UnavailableError):
    """As many listen to this process as may."""

    code = "too_many_listeners"


class Listener:
    """Woken from other threads, and from signal handlers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, seconds: float) -> bool:
        """Until woken; False where the time passed without that."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class EventFeed:
    """The events of the database, for the listeners of this process."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._recent: deque[StateEvent] = deque(maxlen=_IN_MEMORY)
        self._newest: int | None = None
        self._open = False

    def open(self) -> None:
        """From now on `publish` is called, and listeners wait for it."""
        self._open = True

    def close(self) -> None:
        """End all streams. It may be called from a signal handler, so it waits for no lock."""
        self._open = False
        for listener in tuple(self._listeners):
            listener.wake()

    def publish(self) -> None:
        """Take over what is new in the table, and wake the listeners."""
        with reading(self._engine) as session:
            newest = newest_event(session)
            if self._newest is None or newest < self._newest:
                self._recent.clear()
                self._newest = newest
            found = events_after(session, self._newest, _AT_ONCE)
        if found:
            with self._lock:
                self._recent.extend(found)
            self._newest = found[-1].id
            for listener in tuple(self._listeners):
                listener.wake()

    async def stream(
        self,
        after: int | None,
        *,
        follow: bool,
        heartbeat: float,
        still_welcome: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[str]:
        """Server-sent events after one, or from now on; heartbeats between them.

        Without `follow` it ends with what is there. `still_welcome` is asked at each heartbeat.
        """
        with self._listening() as listener:
            place, gap = await run_in_threadpool(self._place, after)
            yield f"retry: {_COME_BACK_AFTER_MS}\nid: {place}\n\n{gap}"
            while True:
                events = await self._after(place, follow=follow)
                for event in events:
                    yield _frame(event)
                    place = event.id
                if events:
                    continue
                if not (follow and self._open):
                    return
                if not await listener.wait(heartbeat) and self._open:
                    if not await still_welcome():
                        return
                    yield HEARTBEAT

    def admit_another(self) -> None:
        """Raise TooManyListenersError where no other may listen."""
        if len(self._listeners) >= self._most:
            raise TooManyListenersError(
                f"{self._most} listen to this server already",
                hint="OPSATLAS_EVENTS_MAX_LISTENERS sets how many may",
            )

    @contextmanager
    def _listening(self) -> Iterator[Listener]:
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _after(self, place: int, *, follow: bool) -> list[StateEvent]:
        """Some events after one: from memory, where it reaches back so far. What memory does not
        have yet, whoever follows is woken for; others are not."""
        with self._lock:
            if follow and self._recent and self._recent[0].id <= place + 1:
                return [event for event in self._recent if event.id > place]
            if follow and self._newest is not None and self._newest <= place:
                return []
        return await run_in_threadpool(self._read, place)

    def _read(self, place: int) -> list[StateEvent]:
        with reading(self._engine) as session:
            return events_after(session, place, _AT_ONCE)

    def _place(self, after: int | None) -> tuple[int, str]:
        """Where to begin, and what to say if some of what came after is no longer there."""
        with reading(self._engine) as session:
            newest, oldest = newest_event(session), oldest_event(session)
        if after is None:
            return newest, ""
        first = max(oldest - 1, 0)
        place = min(max(after, first), newest)
        lost = after not in (0, place)
        told = json.dumps({"event": "gap", "after": after, "oldest": oldest})
        return place, f"event: gap\ndata: {told}\n\n" if lost else ""


@contextmanager
def closed_by_signals(feed: EventFeed) -> Iterator[None]:
    """While the server runs: the signals that stop it end the streams first, which it waits for."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals are handled
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def close(number: int, frame: FrameType | None) -> None:
        feed.close()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, close)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is close:
                signal.signal(number, handler)


def _frame(event: StateEvent) -> str:
    return f"id: {event.id}\nevent: {event.event}\ndata: {event.model_dump_json(by_alias=True)}\n\n"
