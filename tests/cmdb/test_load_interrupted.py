"""A load that is killed, and loads that meet: whole or not at all, one after the other."""

import math
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from cmdb.importers.records import InputFile
from cmdb.load import load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import ImportRun
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb import loading_process
from tests.cmdb.inventories import audited, contents, dangling, empty, load_texts

ROOT = Path(__file__).parents[2]
COUNT = 3_000
SMALL = 300
MOMENTS = 30
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.cmdb.loading_process"])


def version(number: int) -> tuple[str, str]:
    """An inventory of which each of three versions changes, adds and joins other things."""
    number %= 3
    names = [f"n{n}" for n in range(SMALL)] + [f"v{number}-{n}" for n in range(20)]
    cis = "".join(f"{name},server,owner {number}\n" for name in names)
    ends = ((n, (n * (number + 2) + 1) % SMALL) for n in range(SMALL))
    edges = "".join(f"n{one},n{other}\n" for one, other in ends if one != other)
    return "name,ci_class,owner\n" + cis, "dependent,provider\n" + edges


def inputs(texts: Iterable[str]) -> list[InputFile]:
    return [InputFile(f"{number}.csv", text.encode()) for number, text in enumerate(texts)]


def write_and_load(
    engine: Engine, paths: list[Path], texts: Iterable[str], kill_after: float = 120
) -> float:
    """Seconds that a load in another process took, which is killed after that many."""
    for path, content in zip(paths, texts, strict=True):
        path.write_text(content)
    process = FORKS.Process(
        target=loading_process.main, args=(url_of(engine), "big", list(map(str, paths)))
    )
    begun = time.monotonic()
    process.start()
    process.join(kill_after)
    process.kill()
    process.join()
    return time.monotonic() - begun if process.exitcode == 0 else math.inf


def whole(engine: Engine) -> None:
    """Nothing points nowhere, and the database says the same of itself."""
    assert dangling(engine) == 0
    if engine.dialect.name == "sqlite":
        with reading(engine) as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def url_of(engine: Engine) -> str:
    url = engine.url.render_as_string(hide_password=False)
    return url.replace("+psycopg", "").replace("+pysqlite", "")


def started(engine: Engine, source: str, *paths: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.cmdb.loading_process", url_of(engine)]
    return subprocess.Popen(
        [*command, source, *map(str, paths)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    cis, edges = tmp_path / "cis.csv", tmp_path / "edges.csv"
    cis.write_text("name,ci_class\n" + "".join(f"n{n},server\n" for n in range(COUNT)))
    edges.write_text(
        "dependent,provider\n" + "".join(f"n{n},n{(n * 7 + 1) % COUNT}\n" for n in range(1, COUNT))
    )
    return [cis, edges]


@pytest.mark.slow
def test_a_load_that_is_killed_at_any_moment_is_there_in_full_or_not_at_all(
    engine: Engine, tmp_path: Path
) -> None:
    load_texts(engine, *version(0), source="big")
    paths = [tmp_path / "cis.csv", tmp_path / "edges.csv"]
    write_and_load(engine, paths, version(1))  # the first one has to import everything
    duration = write_and_load(engine, paths, version(2))
    killed = 0
    for moment in range(MOMENTS):
        before, trail = contents(engine), audited(engine)
        texts = version(moment)
        delay = duration * 1.2 * (moment + random.random()) / MOMENTS
        ended = write_and_load(engine, paths, texts, kill_after=delay) < math.inf
        found = contents(engine)
        whole(engine)
        if found == before:
            assert not ended
            killed += 1
            assert audited(engine) == trail
        report = load_texts(engine, *texts, source="big")
        assert report.state == "done"
        assert found in (before, contents(engine))
    whole(engine)
    assert killed > MOMENTS / 4


def test_a_load_that_fails_halfway_leaves_nothing(engine: Engine) -> None:
    load_texts(engine, *version(0), source="big")
    before, trail = contents(engine), audited(engine)
    parsed = parse(inputs(version(1)), LoadOptions(source="big"), LoadLimits())
    with pytest.raises(KeyboardInterrupt), transaction(engine) as session:
        load_parsed(session, parsed, LoadOptions(source="big"), SYSTEM, LoadLimits())
        raise KeyboardInterrupt
    assert contents(engine) == before
    assert audited(engine) == trail


@pytest.mark.slow
def test_two_loads_of_one_source_at_once_come_one_after_the_other(
    engine: Engine, tmp_path: Path
) -> None:
    load_texts(engine, *version(0), source="big")
    both = (version(1), version(2))
    processes = []
    for number, texts in enumerate(both):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = [folder / "cis.csv", folder / "edges.csv"]
        for path, content in zip(paths, texts, strict=True):
            path.write_text(content)
        processes.append(started(engine, "big", *paths))
    for process in processes:
        assert process.communicate(timeout=120)[0].endswith("done\n")
        assert process.returncode == 0
    whole(engine)
    found = contents(engine)
    orders = []
    for first, second in (both, both[::-1]):
        empty(engine)
        for texts in (version(0), first, second):
            assert load_texts(engine, *texts, source="big").state == "done"
        orders.append(contents(engine))
    assert found in orders
    assert orders[0] != orders[1]


@pytest.mark.slow
def test_loads_that_meet_wait_for_each_other(engine: Engine, files: list[Path]) -> None:
    processes = [started(engine, source, *files) for source in ("one", "two", "one")]
    for process in processes:
        assert process.communicate(timeout=120)[0].endswith("done\n")
        assert process.returncode == 0
    with reading(engine) as session:
        runs = session.scalars(select(ImportRun).order_by(ImportRun.id)).all()
    created = [run.report["configuration_items"]["created"] for run in runs if run.report]
    assert sorted(created) == [0, 0, COUNT]
    found = contents(engine)
    assert len(found["cis"]) == COUNT
    assert all([word[0] for word in row[-1]] == ["one", "two"] for row in found["relationships"])
    assert all([key[0] for key in row[-1]] == ["one", "two"] for row in found["cis"])
    assert dangling(engine) == 0
