"""Another model over HTTP: no question without its answer, and both settings at once in peace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from api.services import Services
from opsatlas.settings import Settings
from search.embedder import PACKAGED_MODEL_ID, ModelUnavailableError
from search.onnx_embedder import INT8_MODEL_ID, OnnxEmbedder
from search.warming import WarmingEmbedder
from tests.api.asking import Asker, keys_of
from tests.api.company import serving

ARTICLES = [
    {"title": "Disk full on log host", "body": "Rotate the logs, then look again."},
    {"title": "Connection pool exhausted", "body": "Raise the limit, restart the pooler."},
]
NO_SPACE = {"text": "no space left on device"}
NO_ROOM = {"text": "out of database sessions"}
FP32, INT8 = {"embedding_precision": "fp32"}, {"embedding_precision": "int8"}


@pytest.fixture
def installation(any_settings: Settings) -> Settings:
    """Settings of processes that find each other's end out soon."""
    given = {"embedding_enabled": True, "job_poll_interval": 0.02, "job_lease": 6.0}
    return any_settings.model_copy(update=given)


@contextmanager
def process(installation: Settings, chosen: dict[str, str]) -> Iterator[Asker]:
    """A server with these settings of the model, at the same database as others."""
    services = Services(installation.model_copy(update=chosen))
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        yield Asker(http, services, keys_of(services))


def until(look: Callable[[], dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> Any:
    end = time.monotonic() + 60
    while not wanted(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def ready(asker: Asker) -> dict[str, Any]:
    """What /readyz says once all is loaded and nothing waits to be encoded."""

    def settled(state: dict[str, Any]) -> bool:
        waiting = [state["jobs"].get(name, 0) for name in ("queued", "running")]
        return {state["model"], state["next_model"]} <= {"ready", None} and not any(waiting)

    found: dict[str, Any] = until(lambda: asker.http.get("/readyz").json(), settled)
    return found


def spaces(asker: Asker) -> dict[str, tuple[str, float]]:
    """State and share of each space."""
    found = asker.get("/embedding").json()["spaces"]
    return {each["model_id"]: (each["state"], each["share"]) for each in found}


def first(asker: Asker, question: dict[str, str]) -> str:
    """The best title; fails where anything was not available."""
    answer = asker.post("/suggestions", question).json()
    assert answer["notices"] in ([], ["index_rebuilding"]), answer
    title: str = answer["suggestions"][0]["title"]
    return title


def test_a_rolling_deployment_goes_over_to_the_new_model_with_its_last_process_and_back(
    installation: Settings,
) -> None:
    with process(installation, FP32) as old:
        old.post("/articles", ARTICLES[0])
        ready(old)
        with process(installation, INT8) as new:
            until(lambda: spaces(new), lambda found: found.get(INT8_MODEL_ID) == ("filling", 1.0))
            state = ready(new)
            assert (state["model"], state["next_model"]) == ("ready", "ready")
            assert ready(old)["next_model"] is None
            new.post("/articles", ARTICLES[1])  # is encoded in both
            until(lambda: spaces(old), lambda found: {share for _, share in found.values()} == {1})
            ready(new)
            assert spaces(old) == {
                PACKAGED_MODEL_ID: ("serving", 1.0),
                INT8_MODEL_ID: ("filling", 1.0),
            }
            assert first(old, NO_ROOM) == first(new, NO_ROOM) == ARTICLES[1]["title"]
    with process(installation, INT8) as new:
        until(lambda: spaces(new), lambda found: found[INT8_MODEL_ID] == ("serving", 1.0))
        assert spaces(new)[PACKAGED_MODEL_ID] == ("retired", 1.0)
        ready(new)
        assert first(new, NO_SPACE) == ARTICLES[0]["title"]
        assert ready(new)["next_model"] is None
        with process(installation, FP32) as late:  # one that was forgotten changes nothing
            ready(late)
            assert spaces(late)[INT8_MODEL_ID] == ("serving", 1.0)
            assert first(late, NO_SPACE) == ARTICLES[0]["title"]
    with process(installation, FP32) as back:
        until(lambda: spaces(back), lambda found: found[PACKAGED_MODEL_ID] == ("serving", 1.0))
        ready(back)
        assert first(back, NO_ROOM) == ARTICLES[1]["title"]
        kinds = [job["kind"] for job in back.get("/jobs").json()["results"]]
        assert {kind for kind in kinds if kind.startswith("search.fill")} == {
            f"search.fill:{INT8_MODEL_ID}"
        }


def test_a_model_that_cannot_be_loaded_leaves_the_one_before_in_service(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = api_settings.model_copy(update={"embedding_enabled": True, "job_lease": 6.0})
    with process(installation, FP32) as before:
        before.post("/articles", ARTICLES[0])
        ready(before)
    broken = [True]
    load = OnnxEmbedder.load

    def sometimes(*, int8: bool, **options: Any) -> OnnxEmbedder:
        if int8 and broken:
            raise MemoryError
        return load(int8=int8, **options)

    monkeypatch.setattr(OnnxEmbedder, "load", sometimes)
    monkeypatch.setattr("api.services.WarmingEmbedder", partial(WarmingEmbedder, retry_seconds=0.1))
    with process(installation, INT8) as asker:
        state = until(
            lambda: asker.http.get("/readyz").json(),
            lambda state: (state["model"], state["next_model"]) == ("ready", "unavailable"),
        )
        assert "MemoryError" in state["next_model_error"]
        assert first(asker, NO_SPACE) == ARTICLES[0]["title"]
        broken.clear()
        until(lambda: spaces(asker), lambda found: found[INT8_MODEL_ID] == ("serving", 1.0))
        ready(asker)
        assert first(asker, NO_SPACE) == ARTICLES[0]["title"]


def test_a_model_that_is_gone_makes_answers_lexical_until_all_is_encoded_anew(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = api_settings.model_copy(update={"embedding_enabled": True, "job_lease": 6.0})
    with process(installation, FP32) as before:
        before.post("/articles", ARTICLES[0])
        ready(before)
    let_go = threading.Event()
    load = OnnxEmbedder.load

    def without_the_old(*, int8: bool, **options: Any) -> OnnxEmbedder:
        if not int8:
            raise ModelUnavailableError("its files are gone")
        let_go.wait(60)
        return load(int8=int8, **options)

    monkeypatch.setattr(OnnxEmbedder, "load", without_the_old)
    with process(installation, INT8) as asker:
        state = until(
            lambda: asker.http.get("/readyz").json(),
            lambda state: state["model"] == "unavailable",
        )
        assert "its files are gone" in state["model_error"]
        answer = asker.post("/suggestions", {"text": "disk full"}).json()
        assert answer["notices"] == ["model_unavailable"]
        assert answer["suggestions"][0]["title"] == ARTICLES[0]["title"]
        let_go.set()
        until(lambda: spaces(asker), lambda found: found[INT8_MODEL_ID] == ("serving", 1.0))
        ready(asker)
        answer = until(
            lambda: asker.post("/suggestions", NO_SPACE).json(), lambda found: not found["notices"]
        )
        assert answer["suggestions"][0]["title"] == ARTICLES[0]["title"]
