"""A load that is killed, and loads that meet: whole or not at all, one after the other."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from cmdb.models import ImportRun
from opsatlas.db.transaction import reading
from tests.cmdb.inventories import CIS, RELATIONSHIPS, audited, contents, dangling, load_texts

ROOT = Path(__file__).parents[2]
COUNT = 3_000


def started(engine: Engine, source: str, *paths: Path) -> subprocess.Popen[str]:
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    command = [sys.executable, "-m", "tests.cmdb.loading_process", url.replace("+pysqlite", "")]
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
def test_a_load_that_is_killed_leaves_the_database_as_it_was_and_the_next_one_works(
    engine: Engine, files: list[Path]
) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    before, trail = contents(engine), audited(engine)
    killed = 0
    for delay in (0.0, 0.05, 0.15, random.uniform(0.2, 0.5)):
        process = started(engine, "big", *files)
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        time.sleep(delay)
        process.kill()
        finished = "done" in process.stdout.read()
        process.wait()
        process.stdout.close()
        if finished:
            break
        killed += 1
        assert contents(engine) == before
        assert audited(engine) == trail
    assert killed
    texts = [path.read_text() for path in files]
    report = load_texts(engine, *texts, source="big")
    assert report.state == "done"
    counts = report.configuration_items
    assert counts.created + counts.unchanged == COUNT
    assert len(contents(engine)["cis"]) == COUNT + 3
    assert dangling(engine) == 0


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
    assert all(row[-1] == ["one", "two"] for row in found["relationships"])
    assert all([key[0] for key in row[-1]] == ["one", "two"] for row in found["cis"])
    assert dangling(engine) == 0
