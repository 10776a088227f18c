"""The samples of every format tell of one company: loaded over each other they end in one graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cmdb.decision_models import IdentificationReview
from cmdb.identifiers import SERIAL, family
from cmdb.importers.records import InputFile
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import ConfigurationItem, Identifier, LifecycleStatus, Relationship
from cmdb.precedence import class_roots
from cmdb.schemas import ImportReport
from cmdb.source_mappings import AdminMapping
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import contents, dangling

SEED = Path(__file__).parents[2] / "seed_data"
SOURCES = SEED / "sources"

SAMPLES: dict[str, tuple[str, str | None]] = {
    "native_xlsx": ("native_xlsx/*.xlsx", None),
    "servicenow": ("servicenow/*", None),
    "itop": ("itop/*", None),
    "netbox": ("netbox/*", None),
    "aws_config": ("aws_config/*", None),
    "kubernetes": ("kubernetes/*.[jy]*", "kubernetes/mapping.toml"),
    "compose": ("compose/*/*", None),
    "backstage": ("backstage/*", None),
    "terraform": ("terraform/*", None),
    "ansible": ("ansible/*.[jiy]*", "ansible/mapping.toml"),
    "jaeger": ("jaeger/*.json", "jaeger/mapping.toml"),
    "zipkin": ("zipkin/*.json", "zipkin/mapping.toml"),
    "cyclonedx": ("cyclonedx/*.[jx]*", "cyclonedx/mapping.toml"),
    "filialen": ("spreadsheet/*.csv", "spreadsheet/filialen.toml"),
    "warehouses": ("spreadsheet/*.xlsx", "spreadsheet/warehouses.toml"),
}
"""Files and mapping of each source, below seed_data/sources."""

NEW_CIS = {
    "native_xlsx": 0,
    "servicenow": 2,
    "itop": 3,
    "netbox": 6,
    "aws_config": 21,
    "kubernetes": 21,
    "compose": 18,
    "backstage": 7,
    "terraform": 7,
    "ansible": 1,
    "jaeger": 1,
    "zipkin": 0,
    "cyclonedx": 0,
    "filialen": 3,
    "warehouses": 3,
}
"""What each sample knows beyond the inventory; everything else in it is there already."""


def files(pattern: str, folder: Path = SOURCES) -> list[InputFile]:
    found = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
    return [InputFile(str(path.relative_to(folder)), path.read_bytes()) for path in found]


def loaded(engine: Engine, source: str, pattern: str, mapping: str | None) -> ImportReport:
    own = None
    if mapping is not None:
        own = AdminMapping.read(InputFile(mapping, (SOURCES / mapping).read_bytes()))
    options = LoadOptions(source=source, mapping=own)
    with transaction(engine) as session:
        report = load(session, files(pattern), options, SYSTEM, LoadLimits())
    assert report.state == "done", (source, report.problems[:5])
    return report


def the_company(engine: Engine) -> tuple[int, int]:
    with transaction(engine) as session:
        inventory = files("inventory/*.csv", SEED)
        report = load(session, inventory, LoadOptions(), SYSTEM, LoadLimits())
    return report.configuration_items.created, report.relationships.created


def all_of(engine: Engine, sources: Iterable[str]) -> dict[str, int]:
    """How many CIs each source added."""
    return {
        source: loaded(engine, source, *SAMPLES[source]).configuration_items.created
        for source in sources
    }


def numbers(engine: Engine) -> tuple[int, int]:
    with reading(engine) as session:
        return (
            session.scalar(select(func.count()).select_from(ConfigurationItem)) or 0,
            session.scalar(select(func.count()).select_from(Relationship)) or 0,
        )


def duplicates(engine: Engine) -> list[str]:
    """Living CIs that share name and kind of class, or a serial number."""
    with reading(engine) as session:
        roots = class_roots(session)
        rows = session.execute(
            select(ConfigurationItem.folded_name, ConfigurationItem.ci_class).where(
                ConfigurationItem.status != LifecycleStatus.RETIRED
            )
        )
        names = Counter((row.folded_name, family(roots[row.ci_class])) for row in rows)
        serials = Counter(
            session.scalars(select(Identifier.value).where(Identifier.kind == SERIAL))
        )
    counted = [*names.items(), *serials.items()]
    return [str(each) for each, count in counted if count > 1]


@pytest.mark.parametrize("order", ["as they stand", "the other way round"])
def test_all_samples_end_in_one_graph_without_duplicates(sqlite_engine: Engine, order: str) -> None:
    assert the_company(sqlite_engine) == (562, 1513)
    sources = list(SAMPLES) if order == "as they stand" else list(reversed(SAMPLES))
    added = all_of(sqlite_engine, sources)
    cis, relationships = numbers(sqlite_engine)
    if order == "as they stand":
        assert added == NEW_CIS
    assert cis == 562 + sum(NEW_CIS.values()) == 655
    assert relationships == 1736
    assert duplicates(sqlite_engine) == []
    assert dangling(sqlite_engine) == 0
    with reading(sqlite_engine) as session:
        waiting = session.scalars(select(IdentificationReview.name)).all()
    assert list(waiting) == []


def test_loading_all_samples_again_changes_nothing(sqlite_engine: Engine) -> None:
    the_company(sqlite_engine)
    all_of(sqlite_engine, SAMPLES)
    before = contents(sqlite_engine)
    for source, (pattern, mapping) in SAMPLES.items():
        report = loaded(sqlite_engine, source, pattern, mapping)
        for counts in (report.configuration_items, report.relationships):
            changed = (counts.created, counts.updated, counts.retired)
            assert changed == (0, 0, 0), (source, counts)
    assert contents(sqlite_engine) == before
