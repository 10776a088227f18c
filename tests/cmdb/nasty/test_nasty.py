"""A thousand spoilt files: each ends with a report that teaches, in bounded time and memory."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cmdb.importers.registry import importers
from opsatlas.db.engine import open_engine
from opsatlas.settings import Settings
from tests.cmdb.inventories import dangling
from tests.cmdb.nasty.classics import CLASSICS
from tests.cmdb.nasty.generators import COUNT, cases, seeds
from tests.cmdb.nasty.outcomes import Outcome, faults, outcomes

LOADED = range(0, COUNT, 9)


def test_every_format_is_spoilt() -> None:
    assert seeds().keys() == importers().keys()
    names = Counter(each.name.split()[1].partition("/")[0] for each in cases())
    assert names.keys() == importers().keys()
    assert min(names.values()) >= 20


@pytest.mark.slow
def test_a_thousand_spoilt_files_end_with_a_report_that_teaches(sqlite_engine: Engine) -> None:
    found = outcomes(sqlite_engine, list(map(str, range(COUNT))), "dry_run")
    assert len(found) == COUNT
    assert [fault for each in found.values() for fault in faults(each)] == []
    states = Counter(each["report"]["state"] for each in found.values() if "report" in each)
    assert min(states["done"], states["failed"]) > COUNT / 5  # the corpus is worth something
    with sqlite_engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM import_run")) == 0


@pytest.mark.slow
def test_the_good_records_of_spoilt_files_are_loaded_and_the_database_stays_whole(
    engine: Engine,
) -> None:
    found = outcomes(engine, list(map(str, LOADED)), "load")
    assert len(found) == len(LOADED)
    assert [fault for each in found.values() for fault in faults(each)] == []
    assert {each["report"]["state"] for each in found.values() if "report" in each} == {"done"}
    assert dangling(engine) == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM configuration_item")) > 100
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


@pytest.fixture(scope="module")
def classics_engine(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An empty database that dry runs leave so."""
    folder = tmp_path_factory.mktemp("classics")
    shutil.copy(sqlite_template, folder / "opsatlas.db")
    engine = open_engine(Settings(_env_file=None, data_dir=folder))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def strict(classics_engine: Engine) -> dict[str, Outcome]:
    """What came of each classic."""
    return outcomes(classics_engine, list(CLASSICS), "dry_run")


@pytest.fixture(scope="module")
def partial(classics_engine: Engine) -> dict[str, Outcome]:
    """What came of each classic without its bad records."""
    return outcomes(classics_engine, list(CLASSICS), "partial")


@pytest.mark.parametrize("name", CLASSICS)
def test_a_classic_is_told_exactly(
    strict: dict[str, Outcome], partial: dict[str, Outcome], name: str
) -> None:
    assert faults(strict[name]) + faults(partial[name]) == []
    wanted = CLASSICS[name]
    report = strict[name]["report"]
    errors = [each for each in report["problems"] if each["severity"] == "error"]
    if wanted.code is None:
        assert errors == []
        assert report["state"] == "done"
    else:
        assert report["state"] == "failed"
        found = [(each["code"], each["row"]) for each in errors]
        assert (wanted.code, wanted.row) in found
        assert wanted.column is None or wanted.column in [each["column"] for each in errors]
        assert {each["file"].partition("/")[0].partition(" [")[0] for each in errors} <= {
            wanted.file,
            wanted.file.removesuffix(".gz"),
        }
    kinds = ("configuration_items", "relationships")
    assert sum(partial[name]["report"][kind]["created"] for kind in kinds) >= wanted.records
