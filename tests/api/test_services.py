"""What a process does beside its answers: the model, the worker, readiness, the pepper."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from api import keys
from api.jobs import handlers
from api.services import Services
from kb.documents import ENCODE
from opsatlas import jobs
from opsatlas.db.transaction import reading
from opsatlas.jobs import JobState
from opsatlas.settings import Settings
from opsatlas.worker import Worker
from search.embedder import PACKAGED_DIMENSIONS, PACKAGED_MODEL_ID, Embedder, Vectors
from search.encoding import count_missing
from search.held_models import HeldModels
from search.spaces import Space
from search.warming import WarmingEmbedder
from tests.api.asking import Asker, in_process


class ConstantEmbedder:
    """Gives every text the same vector."""

    model_id = PACKAGED_MODEL_ID
    dimensions = PACKAGED_DIMENSIONS

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.full((len(texts), self.dimensions), self.dimensions**-0.5, dtype=np.float32)

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


def _slowly() -> Embedder:
    time.sleep(0.2)
    return ConstantEmbedder()


def _held(load: Callable[[], Embedder] = ConstantEmbedder) -> HeldModels:
    return HeldModels(
        Space(PACKAGED_MODEL_ID, PACKAGED_DIMENSIONS), lambda _space: WarmingEmbedder(load)
    )


def _missing(services: Services) -> int:
    with reading(services.engine) as session:
        return count_missing(session, PACKAGED_MODEL_ID)


def test_encoding_waits_for_the_model_instead_of_failing(api: Asker) -> None:
    api.post("/articles", {"title": "Restart the pool", "body": "systemctl restart"})
    services = api.services
    assert _missing(services) == 2
    settings = services.settings.model_copy(update={"embedding_enabled": True})
    worker = Worker(services.engine, handlers(services.engine, _held(_slowly), settings))
    assert worker.run_pending() == 1
    assert _missing(services) == 0
    assert api.get("/jobs").json()["results"][0]["attempts"] == 1


def test_encoding_that_is_cut_short_goes_on_later(api: Asker) -> None:
    api.post("/articles", {"title": "x", "body": "y"})
    services = api.services
    settings = services.settings.model_copy(update={"embedding_enabled": True})
    found = handlers(services.engine, _held(_slowly), settings, lambda: True)
    Worker(services.engine, found).run_pending()
    assert _missing(services) > 0
    (job,) = api.get("/jobs").json()["results"]
    assert (job["state"], job["error"].split(":")[0]) == ("queued", "StoppedError")


def test_without_a_model_encoding_is_left_to_other_processes(api: Asker) -> None:
    assert ENCODE not in handlers(api.services.engine, _held(), api.services.settings)
    api.post("/articles", {"title": "x"})
    assert api.services.worker.run_pending() == 0


def test_what_was_loaded_without_a_model_is_queued_when_one_is_there(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_process(Services(api_settings)) as api:
        api.post("/articles", {"title": "x"})
        api.services.worker.run_pending()
        with api.services.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM job")
    monkeypatch.setattr(
        "api.services.WarmingEmbedder",
        lambda **options: WarmingEmbedder(**options | {"load": ConstantEmbedder}),
    )
    with_model = {"embedding_enabled": True, "job_poll_interval": 0.01}
    services = Services(api_settings.model_copy(update=with_model))
    services.start()
    try:
        for _ in range(200):
            with reading(services.engine) as session:
                if jobs.counts(session) == {JobState.DONE: 1}:
                    break
            time.sleep(0.02)
        assert _missing(services) == 0
        assert services.model_state() == ("ready", None)
    finally:
        services.stop()


def test_readiness_says_what_is_missing_and_nothing_about_where_it_is(api: Asker) -> None:
    ready = api.http.get("/readyz").json()
    assert (ready["status"], ready["database"], ready["model"]) == ("ready", "ok", "disabled")
    with api.services.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    behind = api.http.get("/readyz")
    assert behind.status_code == 503
    assert "opsatlas db upgrade" in behind.json()["database"]
    with api.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE alembic_version RENAME COLUMN version_num TO x")
    gone = api.http.get("/readyz")
    assert (gone.status_code, gone.json()["database"]) == (503, "it cannot be reached")
    assert api.http.get("/healthz").json() == {"status": "ok"}


def test_a_pepper_of_the_settings_is_kept_in_no_file(settings: Settings) -> None:
    given = Settings(_env_file=None, data_dir=settings.data_dir, key_pepper="secret")
    assert keys.pepper(given) == b"secret"
    assert not settings.data_dir.exists()
