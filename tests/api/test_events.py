"""Server-sent events from a real server: as they happen, resumed, debounced, flapping, muted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.live import LiveWatch
from api.services import Services
from cmdb.live_events import events_after
from cmdb.live_reports import report
from cmdb.live_schemas import StateReport
from cmdb.references import IdReference
from cmdb.snapshots import GraphCache
from opsatlas.actor import SYSTEM, Role
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings
from tests.api.asking import Asker, keys_of, problem
from tests.api.company import load_small, serving
from tests.cmdb.rows import put_ci

QUICK = {
    "state_debounce": 0.0,
    "state_flap_changes": 5,
    "state_flap_seconds": 1.5,
    "state_interval": 0.05,
    "events_heartbeat": 0.1,
    "events_keep": 20,
    "events_max_listeners": 3,
}


@pytest.fixture
def live(api_settings: Settings) -> Iterator[Asker]:
    """A server over the small company, which looks every 50 ms."""
    services = Services(api_settings.model_copy(update=QUICK))
    with serving(services) as address, httpx.Client(base_url=address, timeout=10) as http:
        asker = Asker(http, services, keys_of(services))
        load_small(asker)
        yield asker


class Stream:
    """What a listener hears."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last_id = ""
        self.heartbeats = 0

    def next(self) -> dict[str, Any]:
        """The next event; heartbeats are counted on the way."""
        name = ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "" and value:
                self.heartbeats += 1
            elif field == "data":
                event: dict[str, Any] = json.loads(value)
                assert event["event"] == name
                return event
        raise EOFError


@contextmanager
def listening(asker: Asker, query: str = "", **headers: str) -> Iterator[Stream]:
    authorised = {"Authorization": f"Bearer {asker.keys[Role.READER]}"} | headers
    with asker.http.stream("GET", f"/api/v1/events{query}", headers=authorised) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(lines).startswith("retry: ")
        yield Stream(lines)


def say(asker: Asker, ci: str, state: str, **more: Any) -> None:
    assert asker.post("/states", {"ci": ci, "state": state, **more}).status_code == 200


def told(event: dict[str, Any]) -> tuple[str, str, str]:
    return event["event"], event["from"], event["to"]


def test_a_listener_hears_what_happens_and_why_and_can_come_back(live: Asker) -> None:
    with listening(live) as stream:
        say(live, "orders-api", "down", source="nagios", message="no answer")
        event = stream.next()
        assert told(event) == ("service_state", "operational", "down")
        assert (event["service"]["name"], event["criticality"]) == ("Checkout", 1)
        assert event["because"]["path"] == ["orders-api", "Checkout"]
        assert (event["because"]["source"], event["because"]["message"]) == ("nagios", "no answer")
        last = stream.last_id
        assert last == str(event["id"])
    say(live, "orders-api", "up", source="nagios")
    say(live, "orders-api", "degraded", source="nagios", expires_in=1)
    with listening(live, **{"Last-Event-ID": last}) as stream:
        assert told(stream.next()) == ("service_state", "down", "operational")
        assert told(stream.next()) == ("service_state", "operational", "degraded")
        expiry = stream.next()
        assert told(expiry) == ("service_state", "degraded", "operational"), "it expired by itself"
        assert expiry["because"] is None
        assert stream.heartbeats > 2


def test_a_service_that_flaps_is_told_of_once_and_again_when_it_has_settled(live: Asker) -> None:
    with listening(live) as stream:
        for _ in range(4):
            say(live, "orders-api", "down")
            say(live, "orders-api", "up")
        say(live, "orders-api", "down")
        heard = [stream.next() for _ in range(7)]
    kinds = [event["event"] for event in heard]
    assert kinds == [*["service_state"] * 5, "flapping", "service_state"]
    assert [event["settled"] for event in heard] == [False] * 6 + [True]
    assert heard[-1]["to"] == "down"
    assert heard[-1]["at"] > heard[-1]["since"]


def test_what_is_no_longer_kept_is_said_to_be_missing(live: Asker) -> None:
    more = [{"name": f"s{number}", "ci_class": "business_service"} for number in range(26)]
    live.post("/cis", more)
    live.post("/states", [{"ci": each["name"], "state": "down"} for each in more])
    with listening(live, "?after=1&follow=false") as stream:
        gap = stream.next()
        assert (gap["event"], gap["after"]) == ("gap", 1)
        assert stream.next()["id"] == gap["oldest"]
    with listening(live, "?after=0&follow=false") as stream:
        assert stream.next()["id"] == gap["oldest"], "0 asks for whatever there is"
    with listening(live, "?after=999999&follow=false") as stream:
        assert stream.next()["event"] == "gap", "of a database that was restored since"


def test_listeners_are_limited_need_a_key_and_end_with_it(live: Asker) -> None:
    problem(live.as_(None).get("/events"), 401, "invalid_key")
    problem(live.get("/events?after=x"), 422, "invalid_request")
    (key,) = [each for each in live.get("/keys").json()["results"] if each["role"] == "reader"]
    with listening(live), listening(live), listening(live) as third:
        problem(live.get("/events"), 503, "too_many_listeners")
        assert live.request("DELETE", f"/keys/{key['id']}").status_code == 204
        with pytest.raises(EOFError):
            third.next()


def test_listeners_do_not_hold_up_the_end_of_a_server(live: Asker) -> None:
    ends: list[float] = []

    def wait(stream: Stream) -> None:
        with pytest.raises(EOFError):
            stream.next()
        ends.append(time.monotonic())

    with listening(live) as one, listening(live) as other:
        threads = [threading.Thread(target=wait, args=(each,)) for each in (one, other)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        begun = time.monotonic()
        live.services.live.feed.close()  # what SIGTERM does first
        for thread in threads:
            thread.join(5)
    assert len(ends) == 2
    assert max(ends) - begun < 1


def test_a_listener_that_does_not_read_holds_up_nobody(live: Asker) -> None:
    with listening(live), listening(live) as reading_one:  # the first never reads again
        say(live, "orders-api", "down")
        begun = time.monotonic()
        assert told(reading_one.next())[2] == "down"
        assert time.monotonic() - begun < 2


def test_a_change_must_hold_before_it_is_told_of(api_settings: Settings) -> None:
    patient = QUICK | {"state_debounce": 0.4}
    services = Services(api_settings.model_copy(update=patient))
    with serving(services) as address, httpx.Client(base_url=address, timeout=10) as http:
        asker = Asker(http, services, keys_of(services))
        load_small(asker)
        with listening(asker) as stream:
            say(asker, "orders-api", "down")
            say(asker, "orders-api", "up")
            time.sleep(0.6)
            say(asker, "orders-api", "degraded")
            assert told(stream.next()) == ("service_state", "operational", "degraded")


def test_of_several_processes_each_event_is_written_once(engine: Engine) -> None:
    """Watches with caches of their own, all looking at one database at the same time."""
    settings = Settings(_env_file=None, **QUICK | {"state_flap_changes": 1000})  # type: ignore[arg-type]
    with transaction(engine) as session:
        ci = put_ci(session, "Checkout", "business_service")
    watches = [LiveWatch(engine, GraphCache(), settings) for _ in range(4)]
    changes = 8
    with ThreadPoolExecutor(4) as pool:
        for number in range(changes):
            state = "up" if number % 2 else "down"
            said = [StateReport(ci=IdReference(id=ci), state=state)]
            with transaction(engine) as session:
                report(session, said, SYSTEM, most=1, revision_keep=1000)
            made = list(pool.map(lambda watch: watch.look(), watches))
            assert sum(made) == 1
    with reading(engine) as session:
        ids = [event.id for event in events_after(session, 0, 100)]
    assert len(ids) == changes == len(set(ids))
