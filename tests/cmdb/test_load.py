"""Loading inventories into a database, again and again."""

from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from cmdb.importers.records import InputFile
from cmdb.load import load, load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.models import ConfigurationItem, ImportRun
from opsatlas import revision
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError, TooLargeError
from tests.cmdb.inventories import (
    CIS,
    RELATIONSHIPS,
    audited,
    contents,
    dangling,
    load_texts,
)


def newest(engine: Engine) -> int:
    with reading(engine) as session:
        return revision.newest(session)


def test_an_inventory_is_loaded_as_the_files_say(engine: Engine) -> None:
    report = load_texts(engine, RELATIONSHIPS, CIS, source="test")
    assert (report.state, report.format, report.problems) == ("done", "native_csv", [])
    assert (report.configuration_items.created, report.relationships.created) == (3, 3)
    assert contents(engine) == {
        "cis": [
            ("db1", "database", "active", 2, "Bob", [], [("test", "k-db1")]),
            ("db2", "database", "active", 2, "Bob", [], [("test", "k-db2")]),
            ("web", "application", "active", 1, "Ann", [("site", "FRA")], [("test", "k-web")]),
        ],
        "relationships": [
            ("db2", "db1", "replicates_from", "optional", "", 0, False, [("test", "optional", "")]),
            ("web", "db1", "depends_on", "required", "pair", 1, False, [("test", "", "1")]),
            ("web", "db2", "depends_on", "required", "pair", 1, False, [("test", "", "1")]),
        ],
        "groups": 1,
    }
    assert audited(engine).count(("create", "ci")) == 3
    assert audited(engine).count(("create", "relationship")) == 3
    assert audited(engine)[-1] == ("load", "import_run")


def test_a_second_identical_load_changes_nothing_and_says_so(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    before, seen, trail = contents(engine), newest(engine), audited(engine)
    report = load_texts(engine, CIS, RELATIONSHIPS)
    assert report.configuration_items.model_dump(exclude_defaults=True) == {"unchanged": 3}
    assert report.relationships.model_dump(exclude_defaults=True) == {"unchanged": 3}
    assert contents(engine) == before
    assert newest(engine) == seen
    assert audited(engine) == [*trail, ("load", "import_run")]


def test_a_dry_run_says_the_same_and_writes_nothing_at_all(engine: Engine) -> None:
    dry = load_texts(engine, CIS, RELATIONSHIPS, dry_run=True)
    assert (dry.id, dry.state, dry.dry_run) == (None, "done", True)
    assert contents(engine) == {"cis": [], "relationships": [], "groups": 0}
    assert audited(engine) == []
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportRun)) == 0
    real = load_texts(engine, CIS, RELATIONSHIPS)
    assert dry.configuration_items == real.configuration_items
    assert dry.relationships == real.relationships


def test_one_bad_row_keeps_everything_out_and_the_report_is_kept(engine: Engine) -> None:
    report = load_texts(engine, CIS + "k-x,x,server,,9,,\n", RELATIONSHIPS)
    assert report.state == "failed"
    assert report.configuration_items.model_dump(exclude_defaults=True) == {"rejected": 1}
    assert [(p.file, p.row, p.column, p.value, p.code) for p in report.problems] == [
        ("1.csv", 5, "criticality", "9", "invalid_criticality")
    ]
    assert contents(engine)["cis"] == []
    assert newest(engine) == 0
    with reading(engine) as session:
        run = session.get_one(ImportRun, report.id)
        assert (run.state, run.report) == ("failed", report.model_dump(mode="json"))


def test_partial_loads_the_good_rows(engine: Engine) -> None:
    bad = RELATIONSHIPS + "k-web,nowhere,depends_on,,,\n"
    report = load_texts(engine, CIS + "k-x,x,server,,9,,\n", bad, partial=True)
    assert report.state == "done"
    assert (report.configuration_items.created, report.configuration_items.rejected) == (3, 1)
    assert (report.relationships.created, report.relationships.rejected) == (3, 1)
    assert dangling(engine) == 0


def test_a_changed_field_is_an_update_with_before_and_after(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    changed = CIS.replace("Ann", "Eve"), RELATIONSHIPS.replace("pair,1", "pair,50%")
    report = load_texts(engine, *changed)
    assert report.configuration_items.model_dump(exclude_defaults=True) == {
        "updated": 1,
        "unchanged": 2,
    }
    assert report.relationships.model_dump(exclude_defaults=True) == {"updated": 2, "unchanged": 1}
    assert contents(engine)["relationships"][1][5:7] == (50, True)
    with reading(engine) as session:
        row = session.scalars(
            select(ConfigurationItem).where(ConfigurationItem.name == "web")
        ).one()
        assert (row.owner, row.version) == ("Eve", 2)


def test_two_sources_meet_in_one_ci_and_the_last_to_leave_retires_it(engine: Engine) -> None:
    many = "".join(f"k{number},n{number},server,,,,\n" for number in range(9))
    load_texts(engine, CIS + many, RELATIONSHIPS, source="one")
    other = "name,ci_class,ip_address\nWEB,application,10.0.0.1\n"
    report = load_texts(engine, other, source="two")
    assert report.configuration_items.updated == 1
    without = CIS.replace("k-web,web,application,live,1,Ann,FRA\n", "") + many
    report = load_texts(engine, without, source="one", missing="retire")
    assert (report.state, report.configuration_items.retired) == ("done", 0)
    assert contents(engine)["cis"][0][0] == "WEB"
    assert contents(engine)["cis"][0][6] == [("one", "k-web"), ("two", "WEB")]
    limits = LoadLimits(max_retired_share=1.0)
    empty = "name,ci_class\n"
    report = load_texts(engine, empty, source="two", missing="retire", limits=limits)
    assert report.configuration_items.retired == 1
    assert [ci[0] for ci in contents(engine)["cis"] if ci[2] == "retired"] == ["web"]


def test_an_empty_export_does_not_retire_a_company(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    before = contents(engine)
    report = load_texts(engine, "name,ci_class\n", missing="retire")
    assert (report.state, report.problems[0].code) == ("failed", "too_many_retired")
    assert contents(engine) == before


def test_a_retired_ci_comes_back_as_itself_with_its_relationships(engine: Engine) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    before = contents(engine)
    limits = LoadLimits(max_retired_share=0.5)
    less = CIS.replace("k-db2,db2,database,active,2,Bob,\n", "")
    report = load_texts(engine, less, missing="retire", limits=limits)
    assert report.configuration_items.retired == 1
    assert contents(engine) != before
    report = load_texts(engine, CIS)
    assert report.configuration_items.updated == 1
    assert contents(engine) == before


def test_relationships_that_are_no_longer_reported_go_and_so_does_their_group(
    engine: Engine,
) -> None:
    load_texts(engine, CIS, RELATIONSHIPS)
    header, *_, last = RELATIONSHIPS.splitlines()
    report = load_texts(engine, f"{header}\n{last}\n", missing="retire")
    assert report.relationships.model_dump(exclude_defaults=True) == {"unchanged": 1, "retired": 2}
    assert len(contents(engine)["relationships"]) == 1
    assert contents(engine)["groups"] == 0
    assert audited(engine).count(("delete", "relationship")) == 2
    assert len(contents(engine)["cis"]) == 3


def test_a_group_may_change_all_of_its_members_at_once(engine: Engine) -> None:
    load_texts(engine, CIS + "k-db3,db3,database,,,,\n", RELATIONSHIPS)
    header = RELATIONSHIPS.splitlines()[0]
    report = load_texts(engine, f"{header}\nk-web,db3,depends_on,,pair,1\n", missing="retire")
    assert (report.state, report.relationships.created, report.relationships.retired) == (
        "done",
        1,
        3,
    )
    assert contents(engine)["groups"] == 1
    assert dangling(engine) == 0


def test_a_relationship_that_a_second_source_reports_stays_until_both_drop_it(
    engine: Engine,
) -> None:
    load_texts(engine, CIS, RELATIONSHIPS, source="one")
    load_texts(engine, RELATIONSHIPS.replace("k-web", "web"), source="two")
    header, *_, last = RELATIONSHIPS.splitlines()
    load_texts(engine, f"{header}\n{last}\n", source="one", missing="retire")
    assert [[word[0] for word in row[-1]] for row in contents(engine)["relationships"]] == [
        ["one", "two"],
        ["two"],
        ["two"],
    ]


def test_json_yaml_and_csv_load_the_same_inventory(engine: Engine) -> None:
    import json

    cis = [
        {
            "key": "k-web",
            "name": "web",
            "ci_class": "application",
            "criticality": 1,
            "owner": "Ann",
            "attributes": {"site": "FRA"},
        },
        {"key": "k-db1", "name": "db1", "ci_class": "database", "criticality": 2, "owner": "Bob"},
        {"key": "k-db2", "name": "db2", "ci_class": "database", "criticality": 2, "owner": "Bob"},
    ]
    edges = [
        {"dependent": "web", "provider": "db1", "redundancy_group": "pair", "min_up": 1},
        {"dependent": "web", "provider": "db2", "redundancy_group": "pair"},
        {
            "dependent": "db2",
            "provider": "db1",
            "type": "replicates_from",
            "dependency": "optional",
        },
    ]
    whole = json.dumps({"configuration_items": cis, "relationships": edges})
    load_texts(engine, CIS, RELATIONSHIPS)
    for name in ("a.json", "a.yaml"):
        with transaction(engine) as session:
            file = InputFile(name, whole.encode())
            report = load(session, [file], LoadOptions(), SYSTEM, LoadLimits())
        assert report.format == f"native_{name.partition('.')[2]}"
        assert report.configuration_items.model_dump(exclude_defaults=True) == {"unchanged": 3}
        assert report.relationships.model_dump(exclude_defaults=True) == {"unchanged": 3}


def test_one_unreadable_file_keeps_the_others_out(engine: Engine) -> None:
    report = load_texts(engine, CIS, b"\x89PNG\r\n")
    assert report.state == "failed"
    assert report.problems[0].file == "2.csv"
    assert contents(engine)["cis"] == []


def test_problems_are_counted_all_and_listed_up_to_the_limit(engine: Engine) -> None:
    bad = "name,ci_class,criticality\n" + "".join(f"n{n},server,9\n" for n in range(20))
    report = load_texts(engine, bad, limits=LoadLimits(max_problems=3))
    assert len(report.problems) == 3
    assert report.problem_counts == {"error": 20}
    assert report.configuration_items.rejected == 20


def test_unknown_names_are_answered_with_near_ones_of_file_and_database(engine: Engine) -> None:
    load_texts(engine, CIS)
    report = load_texts(
        engine,
        "name,ci_class\norders-api,application\n",
        "dependent,provider\norders-apl,db1\norders-api,webb\n",
    )
    hints = [str(each.hint) for each in report.problems]
    assert "'orders-api'" in hints[0]
    assert "'web'" in hints[1]


def test_a_queued_run_is_the_one_that_the_load_completes(engine: Engine) -> None:
    options, limits = LoadOptions(), LoadLimits()
    first = load_texts(engine, "name,ci_class\nweb,server\n")
    with transaction(engine) as session:
        parsed = parse([InputFile("c.csv", CIS.encode())], options, limits)
        report = load_parsed(session, parsed, options, SYSTEM, limits, run_id=first.id)
    assert report.id == first.id
    with reading(engine) as session:
        assert session.get_one(ImportRun, first.id).report == report.model_dump(mode="json")


@pytest.mark.parametrize(
    "options",
    [
        {"source": " netbox"},
        {"source": "a\x00b"},
        {"source": "x" * 65},
        {"format": "natve_csv"},
        {"source": "manual", "missing": "retire"},
    ],
)
def test_options_that_cannot_be_are_refused(sqlite_engine: Engine, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        load_texts(sqlite_engine, CIS, **options)


def test_more_records_than_the_limit_are_refused(sqlite_engine: Engine) -> None:
    with pytest.raises(TooLargeError):
        load_texts(sqlite_engine, CIS, limits=LoadLimits(max_records=2))


def test_a_load_larger_than_one_chunk_is_read_and_written_whole(engine: Engine) -> None:
    count = 12_000
    cis = "name,ci_class\n" + "".join(f"n{n},server\n" for n in range(count))
    edges = "dependent,provider\n" + "".join(f"n{n},n{n + 1}\n" for n in range(count - 1))
    report = load_texts(engine, cis, edges)
    assert (report.configuration_items.created, report.relationships.created) == (
        count,
        count - 1,
    )
    found = contents(engine)
    assert {(row[0], row[1]) for row in found["relationships"]} == {
        (f"n{n}", f"n{n + 1}") for n in range(count - 1)
    }
    again = load_texts(engine, cis, edges, missing="retire")
    assert again.configuration_items.unchanged == count
    assert again.relationships.unchanged == count - 1
