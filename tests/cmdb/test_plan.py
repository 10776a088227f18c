"""A dry run's plan: every change with its fields, the services that it touches, and whether a load
would still do the same."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from cmdb.importers.records import InputFile
from cmdb.load import PlanChangedError, load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.plan_schemas import LoadPlan, PlannedChange
from cmdb.schemas import ImportReport
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import CIS, RELATIONSHIPS, contents, load_texts

ABOVE = """name,ci_class,criticality
Shop,business_service,1
Blog,business_service,3
"""
NEEDS = """dependent,provider
Shop,web
Blog,db2
"""


def planned(engine: Engine, *texts: str, **options: Any) -> LoadPlan:
    report = load_texts(engine, *texts, dry_run=True, **options)
    assert report.plan is not None
    return report.plan


def shown(change: PlannedChange) -> tuple[str, str, dict[str, object]]:
    return change.action, change.name, dict(change.fields)


def test_each_change_is_listed_with_the_fields_before_and_after(engine: Engine) -> None:
    many = "".join(f"k{number},n{number},server,,,,\n" for number in range(9))
    load_texts(engine, CIS + many, RELATIONSHIPS)
    before = contents(engine)
    changed = CIS.replace("Ann", "Eve").replace("FRA", "HAM")
    changed = changed.replace("k-db2,db2,database,active,2,Bob,\n", "k-new,new,server,,,,\n")
    edges = "dependent,provider,redundancy_group,min_up\nk-web,db1,pair,1\nk-new,db1,,\n"
    plan = planned(engine, changed + many, edges, missing="retire")
    assert [shown(each) for each in plan.changes] == [
        ("create", "new", {"name": (None, "new"), "ci_class": (None, "server")}),
        ("update", "web", {"owner": ("Ann", "Eve"), "attributes.site": ("FRA", "HAM")}),
        ("retire", "db2", {"status": ("active", "retired")}),
        ("create", "new depends_on db1", {"dependency": (None, "required")}),
        ("remove", "web depends_on db2", {}),
        ("remove", "db2 replicates_from db1", {}),
    ]
    assert plan.changes_count == 6
    assert contents(engine) == before


def test_a_record_that_joins_a_ci_says_why(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS, source="one")
    (change,) = planned(engine, "name,ci_class\nWEB,application\n", source="two").changes
    assert (change.action, change.reasons) == ("merge", ["the same name and class"])


def test_a_record_that_fits_several_is_planned_for_review(engine: Engine) -> None:
    two = "key,name,ci_class,environment\n1,api,server,\n2,api,server,\n"
    load_texts(engine, two, source="one")
    (change,) = planned(engine, "name,ci_class\napi,server\n", source="two").changes
    assert (change.action, len(change.reasons)) == ("review", 2)


def test_services_that_stand_on_what_changes_are_named_with_the_ci_between(
    engine: Engine,
) -> None:
    load_texts(engine, CIS + "", RELATIONSHIPS)
    load_texts(engine, ABOVE, NEEDS, source="services")
    edges = "dependent,provider,type\ndb1,db2,runs_on\n"
    plan = planned(engine, edges)
    assert [(each.name, each.through) for each in plan.services] == [("Shop", "db1")]
    edges = "dependent,provider,type\ndb2,db1,runs_on\n"
    plan = planned(engine, edges)
    assert [(each.name, each.through) for each in plan.services] == [
        ("Shop", "db2"),
        ("Blog", "db2"),
    ]
    assert planned(engine, CIS.replace("Ann", "Eve")).services == []


def applied(engine: Engine, text: str, fingerprint: str) -> ImportReport:
    options = LoadOptions(expected_plan=fingerprint)
    with transaction(engine) as session:
        return load(session, [InputFile("a.csv", text.encode())], options, SYSTEM, LoadLimits())


def test_a_plan_is_carried_out_only_while_it_holds(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    changed = CIS.replace("Ann", "Eve")
    plan = planned(engine, changed)
    assert planned(engine, changed).fingerprint == plan.fingerprint
    load_texts(engine, "name,ci_class\nother,server\n")  # has nothing to do with it
    load_texts(engine, CIS.replace("Ann", "Zoe"))
    before = contents(engine)
    with pytest.raises(PlanChangedError):
        applied(engine, changed, plan.fingerprint)
    assert contents(engine) == before
    load_texts(engine, CIS)
    assert applied(engine, changed, plan.fingerprint).configuration_items.updated == 1
    with pytest.raises(PlanChangedError):
        applied(engine, changed, plan.fingerprint)


def test_a_plan_lists_no_more_than_it_may_and_counts_all(engine: Engine) -> None:
    many = "name,ci_class\n" + "".join(f"n{number},server\n" for number in range(30))
    options = LoadOptions(dry_run=True)
    with reading(engine) as session:
        file = InputFile("a.csv", many.encode())
        report = load(session, [file], options, SYSTEM, LoadLimits(max_changes=5))
    assert report.plan is not None
    assert (len(report.plan.changes), report.plan.changes_count) == (5, 30)
