"""What holds for every inventory: hypothesis looks for one for which it does not."""

import json
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cmdb.importers.records import InputFile
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.plan import Missing
from cmdb.precedence import set_precedence
from cmdb.schemas import ImportReport
from cmdb.undo import undo
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction
from tests.cmdb.inventories import audited, contents, dangling, empty, stated

GOOD_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from(["active", "retired", "planned"]),
    "criticality": st.sampled_from([1, 2, None]),
    "owner": st.sampled_from(["x", "y", None, ""]),
    "attributes": st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from([1, None])),
}
GOOD_CIS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcdefA"), "ci_class": st.sampled_from(["server", "Database"])},
        optional=GOOD_FIELDS | {"key": st.sampled_from(["k1", "k2", "k3", "k4"])},
    ),
    max_size=7,
    unique_by=(lambda ci: ci["name"].lower(), lambda ci: ci.get("key", ci["name"])),
)
ANY_CIS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from("abcdeA"),
            "ci_class": st.sampled_from(["server", "Database", "srever"]),
        },
        optional=GOOD_FIELDS
        | {
            "key": st.sampled_from(["k1", "k2", "k3", "a", "b"]),
            "status": st.sampled_from(["active", "retired", "oops"]),
        },
    ),
    max_size=7,
)


def relationships(ends: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(
        st.fixed_dictionaries(
            {"dependent": st.sampled_from(ends), "provider": st.sampled_from(ends)},
            optional={
                "type": st.sampled_from(["depends_on", "runs_on"]),
                "dependency": st.sampled_from(["required", "optional"]),
                "redundancy_group": st.sampled_from(["g", "h"]),
                "min_up": st.sampled_from([1, 2, "50%"]),
            },
        ),
        max_size=9,
    )


@st.composite
def good_inventories(draw: st.DrawFn) -> dict[str, Any]:
    """An inventory in which nothing contradicts itself."""
    cis = draw(GOOD_CIS)
    names = sorted({ci["name"].lower() for ci in cis})
    edges: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    groups: dict[tuple[str, str], Any] = {}
    for edge in draw(relationships("".join(names)) if names else st.just([])):
        group = edge.get("redundancy_group", "")
        if edge["dependent"] == edge["provider"]:
            continue
        edge.pop("min_up", None)
        if group:
            edge["min_up"] = groups.setdefault((edge["dependent"], group), draw(MIN_UPS))
        kind = edge.get("type", "depends_on")
        edges[edge["dependent"], edge["provider"], kind, group] = edge
    return {"configuration_items": cis, "relationships": list(edges.values())}


MIN_UPS = st.sampled_from([1, "50%", "100%"])
INVENTORIES = good_inventories() | st.fixed_dictionaries(
    {"configuration_items": ANY_CIS, "relationships": relationships("abcdez")}
)
OPTIONS = st.builds(
    LoadOptions,
    source=st.sampled_from(["one", "two"]),
    missing=st.sampled_from(Missing),
    partial=st.booleans(),
)
LIMITS = LoadLimits(max_retired_share=1.0)
ON_BOTH = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


FEWER = settings(ON_BOTH, max_examples=20)


def loaded(engine: Engine, inventory: dict[str, Any], options: LoadOptions) -> ImportReport:
    file = InputFile("inventory.json", json.dumps(inventory).encode())
    with transaction(engine) as session:
        return load(session, [file], options, SYSTEM, LIMITS)


@ON_BOTH
@given(first=INVENTORIES, second=INVENTORIES, options=st.tuples(OPTIONS, OPTIONS))
def test_loading_twice_is_loading_once(
    engine: Engine,
    first: dict[str, Any],
    second: dict[str, Any],
    options: tuple[LoadOptions, LoadOptions],
) -> None:
    empty(engine)
    loaded(engine, first, options[0])
    once = loaded(engine, second, options[1])
    before, trail = contents(engine), audited(engine)
    again = loaded(engine, second, options[1])
    assert contents(engine) == before
    assert audited(engine) == [*trail, ("load", "import_run")]
    for report in (again.configuration_items, again.relationships):
        assert (report.created, report.updated, report.retired) == (0, 0, 0)
    assert again.state == once.state
    assert dangling(engine) == 0


@ON_BOTH
@given(
    first=INVENTORIES,
    second=INVENTORIES,
    options=st.tuples(OPTIONS, OPTIONS),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(
    engine: Engine,
    first: dict[str, Any],
    second: dict[str, Any],
    options: tuple[LoadOptions, LoadOptions],
    seed: random.Random,
) -> None:
    results = []
    for shuffled in (False, True):
        empty(engine)
        reports = []
        for inventory, each in zip((first, second), options, strict=True):
            rows = {name: list(entries) for name, entries in inventory.items()}
            if shuffled:
                for entries in rows.values():
                    seed.shuffle(entries)
            report = loaded(engine, rows, each)
            reports.append(
                (
                    report.state,
                    report.configuration_items,
                    report.relationships,
                    sorted(problem.code for problem in report.problems),
                )
            )
        results.append((contents(engine), reports))
    assert results[0] == results[1]


@ON_BOTH
@given(first=INVENTORIES, second=INVENTORIES, source=st.sampled_from(["one", "two"]))
def test_a_bad_row_never_leaves_half_a_load(
    engine: Engine, first: dict[str, Any], second: dict[str, Any], source: str
) -> None:
    empty(engine)
    loaded(engine, first, LoadOptions(source="one", partial=True))
    before = contents(engine)
    bad = {**second, "configuration_items": [*second["configuration_items"], {"name": "only"}]}
    report = loaded(engine, bad, LoadOptions(source=source))
    assert report.state == "failed"
    assert contents(engine) == before


@ON_BOTH
@given(first=INVENTORIES, second=INVENTORIES, options=st.tuples(OPTIONS, OPTIONS))
def test_the_report_counts_what_the_database_shows(
    engine: Engine,
    first: dict[str, Any],
    second: dict[str, Any],
    options: tuple[LoadOptions, LoadOptions],
) -> None:
    empty(engine)
    loaded(engine, first, options[0])
    before = contents(engine)
    report = loaded(engine, second, options[1])
    after = contents(engine)
    assert len(after["cis"]) - len(before["cis"]) == report.configuration_items.created
    assert (
        len(after["relationships"]) - len(before["relationships"])
        == report.relationships.created - report.relationships.retired
    )
    if report.state == "failed":
        assert after == before
    elif not options[1].partial:
        assert report.problem_counts.get("error", 0) == 0  # type: ignore[call-overload]


SOURCES = ("one", "two", "three")
THINGS = ("AAAA1111", "BBBB2222", "CCCC3333")
"""Serial numbers: what a thing is, whatever a source calls it."""


@st.composite
def views(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """What each source knows of the same things, under names and keys of its own."""
    found = {}
    for source in SOURCES:
        serials = draw(st.lists(st.sampled_from(THINGS), unique=True))
        names = draw(st.permutations(["a", "b", "c"]))
        cis = [
            {
                "key": f"{source}-{serial}",
                "name": name,
                "ci_class": draw(st.sampled_from(["server", "virtual_machine"])),
                "serial_number": draw(st.sampled_from([serial, serial.lower(), f" {serial}-"])),
                **draw(st.fixed_dictionaries({}, optional=VALUES)),
            }
            for serial, name in zip(serials, names, strict=False)
        ]
        keys = [each["key"] for each in cis]
        limits = {one: draw(st.none() | MIN_UPS) for one in keys}
        edges = [
            {
                "dependent": one,
                "provider": other,
                "dependency": draw(st.sampled_from(["required", "optional", ""])),
                **draw(st.sampled_from([{}, {"redundancy_group": "g", "min_up": limits[one]}])),
            }
            for one in keys
            for other in keys
            if one != other and draw(st.booleans())
        ]
        found[source] = {"configuration_items": cis, "relationships": edges}
    return found


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "owner": st.sampled_from(["x", "y"]),
    "criticality": st.sampled_from([1, 2]),
    "attributes": st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from([1, 2])),
}


@FEWER
@given(inventories=views(), order=st.permutations(SOURCES), trusted=st.permutations(SOURCES))
def test_the_order_of_sources_does_not_matter_where_their_precedence_is_set(
    engine: Engine,
    inventories: dict[str, dict[str, Any]],
    order: list[str],
    trusted: list[str],
) -> None:
    results = []
    for sequence in (SOURCES, order):
        empty(engine)
        for source in SOURCES:  # so that there is something that can be trusted
            loaded(engine, {"configuration_items": []}, LoadOptions(source=source))
        with transaction(engine) as session:
            set_precedence(session, "*", trusted, SYSTEM)
        for source in sequence:
            loaded(engine, inventories[source], LoadOptions(source=source))
        results.append(contents(engine))
    assert results[0] == results[1]
    assert len(results[0]["cis"]) == len(
        {each["key"][-8:] for view in inventories.values() for each in view["configuration_items"]}
    )


@FEWER
@given(
    before=st.lists(st.tuples(INVENTORIES, OPTIONS), max_size=2),
    undoing=st.tuples(INVENTORIES, OPTIONS),
)
def test_undoing_the_last_load_restores_everything_as_it_was(
    engine: Engine,
    before: list[tuple[dict[str, Any], LoadOptions]],
    undoing: tuple[dict[str, Any], LoadOptions],
) -> None:
    empty(engine)
    for inventory, options in before:
        loaded(engine, inventory, options)
    there = contents(engine), stated(engine)
    report = loaded(engine, *undoing)
    if report.state == "done" and report.id is not None:
        with transaction(engine) as session:
            found = undo(session, report.id, SYSTEM, revision_keep=100)
        assert found.conflicts == []
    assert (contents(engine), stated(engine)) == there
    assert dangling(engine) == 0


@FEWER
@given(loads=st.lists(st.tuples(INVENTORIES, OPTIONS), min_size=2, max_size=4), data=st.data())
def test_undoing_any_load_leaves_no_relationship_that_points_nowhere(
    engine: Engine, loads: list[tuple[dict[str, Any], LoadOptions]], data: st.DataObject
) -> None:
    empty(engine)
    runs = [loaded(engine, *each) for each in loads]
    done = [run.id for run in runs if run.state == "done"]
    for run_id in data.draw(st.permutations(done)):
        assert run_id is not None
        with transaction(engine) as session:
            undo(session, run_id, SYSTEM, revision_keep=100)
        assert dangling(engine) == 0
    assert not contents(engine)["relationships"]
