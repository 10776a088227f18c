"""The job table: claimed once, retried with a pause, taken over from the dead, given up visibly."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from opsatlas import clock, jobs
from opsatlas.db.transaction import reading, transaction
from opsatlas.jobs import Job, JobState
from opsatlas.worker import Worker


def put(engine: Engine, kind: str = "count", key: str | None = None, **payload: Any) -> int | None:
    with transaction(engine) as session:
        return jobs.enqueue(session, kind, payload, unique_key=key)


def states(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(Job.state).order_by(Job.id)))


def make_due(engine: Engine) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).values(run_after=clock.now() - timedelta(seconds=1)))


def test_a_job_runs_once_with_its_payload(engine: Engine) -> None:
    seen: list[dict[str, Any]] = []
    put(engine, number=7)
    assert Worker(engine, {"count": seen.append}).run_pending() == 1
    assert seen == [{"number": 7}]
    assert states(engine) == ["done"]


def test_a_second_job_with_the_same_key_does_not_queue_behind_the_first(engine: Engine) -> None:
    assert put(engine, key="all") is not None
    assert put(engine, key="all") is None
    Worker(engine, {"count": lambda _payload: None}).run_pending()
    assert put(engine, key="all") is not None


def test_a_job_of_a_unit_of_work_that_fails_is_never_queued(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        jobs.enqueue(session, "count", {})
        raise ZeroDivisionError
    assert states(engine) == []


def test_a_job_that_fails_waits_before_its_next_try_and_then_succeeds(engine: Engine) -> None:
    tries: list[int] = []

    def fail_once(_payload: dict[str, Any]) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("the model is not there yet")

    put(engine)
    worker = Worker(engine, {"count": fail_once})
    assert worker.run_one()
    assert not worker.run_one()
    with reading(engine) as session:
        waiting = session.scalars(select(Job)).one()
        assert waiting.state == JobState.QUEUED
        assert waiting.error == "RuntimeError: the model is not there yet"
        assert waiting.run_after > clock.now()
    make_due(engine)
    assert worker.run_one()
    assert states(engine) == ["done"]


def test_a_job_that_always_fails_is_given_up_and_stays_visible(engine: Engine) -> None:
    def fail(_payload: dict[str, Any]) -> None:
        raise RuntimeError("no")

    put(engine)
    worker = Worker(engine, {"count": fail}, max_attempts=3)
    for _ in range(3):
        make_due(engine)
        assert worker.run_one()
    make_due(engine)
    assert not worker.run_one()
    assert states(engine) == ["failed"]


def test_a_failed_try_does_not_collide_with_a_newer_job_of_the_same_key(engine: Engine) -> None:
    put(engine, key="all")
    with transaction(engine) as session:
        job = jobs.claim(session, "w1", ["count"], 60)
    assert job is not None
    put(engine, key="all")
    with transaction(engine) as session:
        jobs.fail(session, job, "w1", "no", max_attempts=5)
    assert states(engine) == ["queued", "queued"]


def test_a_job_whose_worker_died_is_taken_over_when_its_lease_ends(engine: Engine) -> None:
    put(engine)
    with transaction(engine) as session:
        dead = jobs.claim(session, "dead", ["count"], lease=0.5)
    assert dead is not None
    with transaction(engine) as session:
        assert jobs.claim(session, "other", ["count"], lease=60) is None
    time.sleep(0.6)
    with transaction(engine) as session:
        taken = jobs.claim(session, "other", ["count"], lease=60)
    assert taken is not None
    assert taken.attempts == 2
    with transaction(engine) as session:
        assert not jobs.renew(session, dead.id, "dead", 60)
        jobs.finish(session, dead.id, "dead")
    assert states(engine) == ["running"]


def test_a_job_waits_while_another_of_its_key_is_running(engine: Engine) -> None:
    put(engine, key="all")
    put(engine, key="other")
    with transaction(engine) as session:
        assert jobs.claim(session, "first", ["count"], 60) is not None
    put(engine, key="all")
    with transaction(engine) as session:
        other = jobs.claim(session, "second", ["count"], 60)
        assert other is not None
        jobs.finish(session, other.id, "second")
        assert jobs.claim(session, "second", ["count"], 60) is None
    with transaction(engine) as session:  # the first fell silent: both may be taken, one by one
        session.execute(update(Job).values(lease_until=clock.now() - timedelta(seconds=1)))
    assert Worker(engine, {"count": lambda _payload: None}).run_pending() == 2
    assert set(states(engine)) == {"done"}


def test_a_long_job_keeps_its_lease_while_its_worker_lives(engine: Engine) -> None:
    put(engine)
    worker = Worker(engine, {"count": lambda _payload: time.sleep(1.0)}, lease=0.4)
    thread = threading.Thread(target=worker.run_one)
    thread.start()
    time.sleep(0.7)
    with transaction(engine) as session:
        assert jobs.claim(session, "thief", ["count"], 60) is None
    thread.join()
    assert states(engine) == ["done"]


def test_four_workers_run_each_of_forty_jobs_once(engine: Engine) -> None:
    seen: list[int] = []
    for number in range(40):
        put(engine, number=number)
    workers = [
        Worker(engine, {"count": lambda payload: seen.append(payload["number"])}) for _ in range(4)
    ]
    threads = [threading.Thread(target=worker.run_pending) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(40))


def test_a_started_worker_takes_a_new_job_by_itself_and_stops_when_told(engine: Engine) -> None:
    done = threading.Event()
    worker = Worker(engine, {"count": lambda _payload: done.set()}, poll_interval=0.05)
    worker.start()
    put(engine)
    assert done.wait(10)
    worker.stop()
    assert put(engine) is not None
    time.sleep(0.2)
    assert states(engine)[-1] == "queued"
