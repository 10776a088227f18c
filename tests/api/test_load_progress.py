"""A load that a job carries out says how far it is, to this process and to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from api import load_progress
from api.services import Services
from opsatlas.settings import Settings
from tests.api.asking import Asker, in_process
from tests.api.test_imports import _rows

ROWS = 8_000


def progress_seen(loading: Asker, asked: Callable[[str], Any]) -> list[dict[str, Any]]:
    """What `asked` says of a load that a job of `loading` carries out, until it has ended."""
    answer = loading.upload("/imports", ("a.csv", _rows("host", ROWS)), source="big")
    place = answer.headers["location"].removeprefix("/api/v1")
    assert answer.json()["progress"] is None
    worker = threading.Thread(target=loading.services.worker.run_one)
    worker.start()
    seen: list[dict[str, Any]] = []
    while worker.is_alive():
        seen.append(asked(place))
        time.sleep(0.005)
    worker.join()
    ended = asked(place)
    assert (ended["state"], ended["progress"]) == ("done", None)
    return [report["progress"] for report in seen if report["progress"] is not None]


def test_an_import_that_runs_says_how_far_it_is(api_settings: Settings) -> None:
    settings = api_settings.model_copy(update={"import_background_bytes": 0})
    with in_process(Services(settings)) as api:
        told = progress_seen(api, lambda place: api.get(place).json())
    assert {each["phase"] for each in told} <= {"reading", "comparing", "writing"}
    assert max(each["done"] for each in told) <= ROWS + 1
    assert ("comparing", ROWS) in {(each["phase"], each["total"]) for each in told}


def test_another_process_sees_it_on_postgresql(
    postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_progress, "_KEPT_EVERY", 0.0)
    changes = {"import_background_bytes": 0, "embedding_enabled": False}
    settings = postgres_settings.model_copy(update=changes)
    with in_process(Services(settings)) as api, in_process(Services(settings)) as other:
        told = progress_seen(api, lambda place: other.get(place).json())
    assert "writing" in {each["phase"] for each in told}
