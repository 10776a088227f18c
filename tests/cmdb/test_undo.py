"""Undoing an import run: what it brought goes, what it changed comes back, the rest stays."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from cmdb.importers.records import InputFile
from cmdb.items import update_ci
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import ConfigurationItem, ImportRun
from cmdb.plan import Missing
from cmdb.schemas import CIPatch
from cmdb.source_schemas import UndoReport
from cmdb.undo import NotUndoableError, undo
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import NotFoundError
from tests.cmdb.inventories import CIS, RELATIONSHIPS, contents, dangling, load_texts, stated


def undone(engine: Engine, run_id: int | None) -> UndoReport:
    assert run_id is not None
    with transaction(engine) as session:
        return undo(session, run_id, SYSTEM, revision_keep=100)


def test_undoing_the_first_load_leaves_nothing(engine: Engine) -> None:
    report = load_texts(engine, CIS, RELATIONSHIPS)
    found = undone(engine, report.id)
    assert found.conflicts == []
    assert found.configuration_items_removed == 3
    assert contents(engine) == {"cis": [], "relationships": [], "groups": 0}


def test_undoing_a_change_brings_back_values_relationships_limits_and_the_retired(
    engine: Engine,
) -> None:
    many = "".join(f"k{number},n{number},server,,,,\n" for number in range(9))
    load_texts(engine, CIS + many, RELATIONSHIPS)
    before, said = contents(engine), stated(engine)
    changed = CIS.replace("Ann", "Eve").replace("k-db2,db2,database,active,2,Bob,\n", "")
    edges = "dependent,provider,type,dependency,redundancy_group,min_up\n"
    edges += "k-web,db1,depends_on,,pair,100%\nk-web,k1,runs_on,optional,,\n"
    report = load_texts(engine, changed + many, edges, missing="retire")
    assert (report.configuration_items.retired, report.relationships.retired) == (1, 2)
    found = undone(engine, report.id)
    assert found.conflicts == []
    assert contents(engine) == before
    assert stated(engine) == said
    assert dangling(engine) == 0


def test_what_a_later_load_or_a_person_changed_stays_and_is_listed(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    second = load_texts(engine, CIS.replace("Ann", "Eve").replace("Bob", "Rob"))
    load_texts(engine, CIS.replace("Ann", "Zoe").replace("Bob", "Rob"))
    with transaction(engine) as session:
        db1 = session.scalars(select(ConfigurationItem).filter_by(name="db1")).one()
        update_ci(session, db1.id, CIPatch(owner="By hand"), SYSTEM)
    found = undone(engine, second.id)
    assert [(each.what, each.why) for each in found.conflicts] == [
        ("owner of 'k-web'", "changed since by import 3: 'Zoe'")
    ]
    owners = {ci[0]: ci[4] for ci in contents(engine)["cis"]}
    assert owners == {"web": "Zoe", "db1": "By hand", "db2": "Bob"}


def test_a_ci_that_two_sources_report_outlives_the_undoing_of_one(engine: Engine) -> None:
    first = load_texts(engine, CIS, RELATIONSHIPS, source="one")
    load_texts(engine, "name,ci_class,owner\nWEB,application,Second\n", source="two")
    found = undone(engine, first.id)
    assert found.configuration_items_removed == 2
    assert [(ci[0], ci[4]) for ci in contents(engine)["cis"]] == [("WEB", "Second")]


def test_a_ci_that_relationships_of_others_lead_to_stays_and_is_listed(engine: Engine) -> None:
    first = load_texts(engine, "name,ci_class\ndb,database\n", source="one")
    load_texts(engine, "name,ci_class\nweb,server\n", "dependent,provider\nweb,db\n", source="two")
    found = undone(engine, first.id)
    assert [each.what for each in found.conflicts] == ["CI 'db'"]
    assert dangling(engine) == 0
    assert len(contents(engine)["cis"]) == 2


def test_a_run_is_undone_once_and_only_where_it_was_done(engine: Engine) -> None:
    report = load_texts(engine, CIS, RELATIONSHIPS)
    failed = load_texts(engine, "name,ci_class\nx,nonsense\n")
    undone(engine, report.id)
    for run_id in (report.id, failed.id):
        with pytest.raises(NotUndoableError):
            undone(engine, run_id)
    with pytest.raises(NotFoundError):
        undone(engine, 999)
    with reading(engine) as session:
        run = session.get(ImportRun, report.id)
        assert run is not None
        assert run.state == "undone"


def test_loading_again_after_an_undoing_is_the_first_load_again(engine: Engine) -> None:
    report = load_texts(engine, CIS, RELATIONSHIPS)
    before = contents(engine)
    undone(engine, report.id)
    again = load_texts(engine, CIS, RELATIONSHIPS)
    assert (again.configuration_items.created, again.relationships.created) == (3, 3)
    assert contents(engine) == before


def test_what_went_missing_comes_back_as_it_was_when_that_run_is_undone(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    before = contents(engine)
    limits = LoadLimits(max_retired_share=1.0)
    with transaction(engine) as session:
        report = load(
            session,
            [InputFile("a.csv", b"name,ci_class\n")],
            LoadOptions(missing=Missing.RETIRE),
            SYSTEM,
            limits,
        )
    assert {ci[2] for ci in contents(engine)["cis"]} == {"retired"}
    undone(engine, report.id)
    assert contents(engine) == before
