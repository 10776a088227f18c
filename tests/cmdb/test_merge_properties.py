"""What holds for every merge: hypothesis looks for an inventory for which it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cmdb.decision_models import CIMerge
from cmdb.importers.records import InputFile
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.merge import merge
from cmdb.merge_plan import InvalidMergeError
from cmdb.models import ConfigurationItem, RedundancyGroup, Relationship, RelationshipSource
from cmdb.plan import Missing
from cmdb.schemas import ImportReport
from cmdb.undo import NotUndoableError, undo
from cmdb.unmerge import unmerge
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import contents, dangling, empty, stated

SOURCES = ("one", "two")
NAMES = "abcdef"


@st.composite
def inventories(draw: st.DrawFn, source: str) -> dict[str, Any]:
    """What a source knows of some things, under keys of its own; redundancy groups included."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    cis = [
        {
            "key": f"{source}-{name}",
            "name": name if draw(st.booleans()) else f"{source}-{name}",
            "ci_class": draw(st.sampled_from(["server", "server", "virtual_machine", "database"])),
            **draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "owner": st.sampled_from(["x", "y"]),
                        "status": st.sampled_from(["active", "retired"]),
                        "attributes": st.dictionaries(st.sampled_from("pq"), st.integers(1, 2)),
                    },
                )
            ),
        }
        for name in names
    ]
    edges: dict[tuple[str, str, str], dict[str, Any]] = {}
    for _ in range(draw(st.integers(0, 6))):
        dependent, provider = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        group = draw(st.sampled_from(["", "", "g"]))
        if dependent == provider:
            continue
        edge = {"dependent": f"{source}-{dependent}", "provider": f"{source}-{provider}"}
        edge |= {"redundancy_group": group, "min_up": "100%"} if group else {}
        edges[dependent, provider, group] = edge
    return {"configuration_items": cis, "relationships": list(edges.values())}


LOADS = st.tuples(*(inventories(source) for source in SOURCES))
PICK = st.tuples(st.integers(0, 99), st.integers(0, 99))
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


def loaded(
    engine: Engine, inventory: dict[str, Any], source: str, missing: Missing = Missing.KEEP
) -> ImportReport:
    file = InputFile("inventory.json", json.dumps(inventory).encode())
    options = LoadOptions(source=source, missing=missing)
    with transaction(engine) as session:
        return load(session, [file], options, SYSTEM, LoadLimits(max_retired_share=1.0))


def two_of(engine: Engine, pick: tuple[int, int]) -> tuple[int, int]:
    """Ids of two CIs: the loser and the winner."""
    with reading(engine) as session:
        ids = session.scalars(
            select(ConfigurationItem.id)
            .where(ConfigurationItem.merged_into.is_(None))
            .order_by(ConfigurationItem.id)
        ).all()
    assume(len(ids) > 1)
    loser = pick[0] % len(ids)
    winner = (loser + 1 + pick[1] % (len(ids) - 1)) % len(ids)
    return ids[loser], ids[winner]


def merged(engine: Engine, loser: int, winner: int) -> int:
    with transaction(engine) as session:
        try:
            report = merge(session, loser, winner, SYSTEM, revision_keep=100)
        except InvalidMergeError:
            report = None
    assume(report is not None)
    assert report is not None
    assert report.id is not None
    assert dangling(engine) == 0
    return report.id


def unmerged(engine: Engine, merge_id: int) -> None:
    with transaction(engine) as session:
        report = unmerge(session, merge_id, SYSTEM, revision_keep=100)
    assert report.conflicts == []
    assert dangling(engine) == 0


def prepared(engine: Engine, loads: tuple[dict[str, Any], ...]) -> list[int]:
    empty(engine)
    runs = [loaded(engine, each, source) for each, source in zip(loads, SOURCES, strict=True)]
    assume(all(run.state == "done" for run in runs))
    assume(all(run.configuration_items.in_review == 0 for run in runs))
    return [run.id for run in runs if run.id is not None]


@FEW
@given(loads=LOADS, picks=st.lists(PICK, min_size=1, max_size=3), later=st.booleans())
def test_merging_and_undoing_it_restores_the_inventory_as_it_was(
    sqlite_engine: Engine,
    loads: tuple[dict[str, Any], ...],
    picks: list[tuple[int, int]],
    later: bool,
) -> None:
    prepared(sqlite_engine, loads)
    there = contents(sqlite_engine), stated(sqlite_engine)
    merges = [merged(sqlite_engine, *two_of(sqlite_engine, pick)) for pick in picks]
    other = {"configuration_items": [{"name": "other", "ci_class": "rack"}], "relationships": []}
    report = loaded(sqlite_engine, other, "three") if later else None
    for merge_id in reversed(merges):
        unmerged(sqlite_engine, merge_id)
    if report is not None and report.id is not None:
        with transaction(sqlite_engine) as session:
            undo(session, report.id, SYSTEM, revision_keep=100)
    assert (contents(sqlite_engine), stated(sqlite_engine)) == there


@FEW
@given(loads=LOADS, pick=PICK, missing=st.sampled_from(Missing))
def test_after_a_merge_the_same_files_change_nothing(
    sqlite_engine: Engine,
    loads: tuple[dict[str, Any], ...],
    pick: tuple[int, int],
    missing: Missing,
) -> None:
    prepared(sqlite_engine, loads)
    merged(sqlite_engine, *two_of(sqlite_engine, pick))
    there = contents(sqlite_engine), stated(sqlite_engine)
    for inventory, source in zip(loads, SOURCES, strict=True):
        report = loaded(sqlite_engine, inventory, source, missing)
        assert report.state == "done", report.problems
        for counts in (report.configuration_items, report.relationships):
            assert (counts.created, counts.updated, counts.retired) == (0, 0, 0)
    assert (contents(sqlite_engine), stated(sqlite_engine)) == there


def claims(session: Session, over: Mapping[int, int]) -> dict[Any, set[str]]:
    """By ends, type and group: the sources that report a relationship; ids go `over` to others."""
    found: dict[Any, set[str]] = {}
    for row in session.execute(
        select(Relationship, RedundancyGroup.name, RelationshipSource.source)
        .outerjoin(RedundancyGroup, RedundancyGroup.id == Relationship.group_id)
        .join(RelationshipSource, RelationshipSource.relationship_id == Relationship.id)
    ):
        edge = row.Relationship
        ends = (
            over.get(edge.dependent_id, edge.dependent_id),
            over.get(edge.provider_id, edge.provider_id),
        )
        if ends[0] != ends[1]:
            found.setdefault((*ends, edge.type, row.name), set()).add(row.source)
    return found


@FEW
@given(
    loads=LOADS,
    again=inventories("one"),
    missing=st.sampled_from(Missing),
    pick=PICK,
    order=st.permutations(range(3)),
    after=st.integers(1, 3),
)
def test_undoing_loads_after_a_merge_leaves_what_undoing_them_without_it_does(
    sqlite_engine: Engine,
    loads: tuple[dict[str, Any], ...],
    again: dict[str, Any],
    missing: Missing,
    pick: tuple[int, int],
    order: list[int],
    after: int,
) -> None:
    runs = prepared(sqlite_engine, loads)
    third = loaded(sqlite_engine, again, "one", missing)
    assume(third.state == "done" and third.configuration_items.in_review == 0)
    runs.append(third.id or 0)
    loser, winner = two_of(sqlite_engine, pick)
    undone = [runs[place] for place in order[:after]]
    with transaction(sqlite_engine) as session:
        for run_id in undone:
            undo(session, run_id, SYSTEM, revision_keep=100)
        apart, together = claims(session, {}), claims(session, {loser: winner})
        session.rollback()
    merge_id = merged(sqlite_engine, loser, winner)
    for run_id in undone:
        with transaction(sqlite_engine) as session:
            undo(session, run_id, SYSTEM, revision_keep=100)
        assert dangling(sqlite_engine) == 0
    with transaction(sqlite_engine) as session:
        assert claims(session, {}) == together
        if session.get(CIMerge, merge_id) is None:
            return  # nothing was left of the two
        try:
            report = unmerge(session, merge_id, SYSTEM, revision_keep=100)
        except NotUndoableError:
            return
        assert report.conflicts or claims(session, {}) == apart
    assert dangling(sqlite_engine) == 0
