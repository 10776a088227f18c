"""A snapshot that followed its changes answers as one that was built from scratch."""

import os
from contextlib import suppress
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.graph_delta import GraphChange, changed, laid_out_anew
from cmdb.graph_neighbours import neighbours
from cmdb.impact import analyse
from cmdb.models import ConfigurationItem
from cmdb.models import Relationship as Row
from cmdb.snapshots import CI, RELATIONSHIP, GraphCache, build
from cmdb.walks import Walk
from opsatlas import revision
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.builders import STRATEGIES, snapshot_of
from tests.cmdb.rows import put_ci, put_relationship
from tests.oracles.impact_oracle import Group, Landscape, Relationship

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "150"))

random_cases = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CIS = range(1, 13)


def followed(
    snapshot: GraphSnapshot, before: Landscape, after: Landscape, deleted: frozenset[int]
) -> GraphSnapshot:
    """The snapshot after what differs between two landscapes, as the change table would say it."""
    old, new = ({r.id: r for r in each.relationships} for each in (before, after))
    touched = {each for each in old.keys() | new.keys() if old.get(each) != new.get(each)}
    arrived, departed = after.cis - before.cis, before.cis - after.cis
    touched |= {r.id for r in [*old.values(), *new.values()] if {r.dependent, r.provider} & arrived}
    groups = {each.id for each in {*before.groups} ^ {*after.groups}}
    touched |= {r.id for r in [*old.values(), *new.values()] if r.group in groups}
    groups |= {r.group for each in touched for r in (old.get(each), new.get(each)) if r and r.group}
    groups |= {
        r.group
        for r in old.values()
        if r.group and {r.dependent, r.provider} & (arrived | departed)
    }
    touched |= {r.id for r in [*old.values(), *new.values()] if r.group in groups}
    rows = [
        (r.id, r.dependent, r.provider, int(r.optional), -1 if r.group is None else r.group)
        for r in new.values()
        if r.id in touched
    ]
    columns = [
        (
            g.id,
            g.dependent,
            -1 if g.count is None else g.count,
            -1 if g.percent is None else g.percent,
        )
        for g in after.groups
    ]
    return changed(
        snapshot,
        GraphChange(
            snapshot.revision + 1,
            _ids(arrived),
            _ids(departed),
            _ids(departed - deleted),
            _ids(touched),
            RelationshipColumns.from_rows(rows),
            GroupColumns.from_rows(columns),
        ),
    )


def _ids(values: set[int] | frozenset[int]) -> np.ndarray:
    return np.array(sorted(values), np.int64)


@st.composite
def edits(draw: st.DrawFn, landscape: Landscape) -> tuple[Landscape, frozenset[int]]:
    """The landscape after some edits at once, and the CIs that were deleted, not retired."""
    cis = set(landscape.cis)
    rows = {r.id: r for r in landscape.relationships}
    groups = {g.id: g for g in landscape.groups}
    deleted: set[int] = set()
    newest = max([0, *rows])
    for _ in range(draw(st.integers(1, 4))):
        what = draw(st.sampled_from(["add", "add", "remove", "change", "ci", "group", "delete"]))
        if what == "add":
            dependent, provider = draw(st.sampled_from(CIS)), draw(st.sampled_from(CIS))
            newest += 1
            own = [None, *(g.id for g in groups.values() if g.dependent == dependent)]
            rows[newest] = Relationship(
                newest, dependent, provider, draw(st.booleans()), draw(st.sampled_from(own))
            )
        elif what == "group":
            owner = draw(st.sampled_from(CIS))
            number = draw(st.integers(500, 504))
            limit = draw(st.integers(0, 4))
            percent = draw(st.booleans())
            if number in groups:
                owner = groups[number].dependent
            groups[number] = Group(
                number, owner, None if percent else limit, limit * 25 if percent else None
            )
            newest += 1
            rows[newest] = Relationship(newest, owner, draw(st.sampled_from(CIS)), False, number)
        elif what == "ci":
            cis ^= {draw(st.sampled_from(CIS))}
        elif rows:
            chosen = rows[draw(st.sampled_from(sorted(rows)))]
            if what == "remove":
                del rows[chosen.id]
            elif what == "change":
                own = [None, *(g.id for g in groups.values() if g.dependent == chosen.dependent)]
                rows[chosen.id] = replace(
                    chosen,
                    provider=draw(st.sampled_from([chosen.provider, *CIS])),
                    optional=draw(st.booleans()),
                    group=draw(st.sampled_from(own)),
                )
            else:
                gone = chosen.provider
                cis.discard(gone)
                deleted.add(gone)
                rows = {r.id: r for r in rows.values() if gone not in {r.dependent, r.provider}}
    return Landscape(frozenset(cis), tuple(rows.values()), tuple(groups.values())), frozenset(
        deleted - cis
    )


def told(snapshot: GraphSnapshot, failed: list[int], walk: Walk) -> object:
    """Everything that an answer says: states, distances, causes and paths, in ids."""
    result = analyse(snapshot, failed, walk=walk)
    return [
        (ci, int(state), distance, result.path(ci))
        for ci, state, distance in zip(
            result.ids.tolist(),
            result.reached.state.tolist(),
            result.reached.distance.tolist(),
            strict=True,
        )
    ]


def edges_of(snapshot: GraphSnapshot) -> set[tuple[int, ...]]:
    edges = snapshot.edges()
    ids = snapshot.ids
    listed = list(
        zip(
            edges.relationship.tolist(),
            ids[edges.dependent].tolist(),
            ids[edges.provider].tolist(),
            edges.kind.tolist(),
            [-1 if group < 0 else int(snapshot.group_id[group]) for group in edges.group],
            strict=True,
        )
    )
    assert len(set(listed)) == len(listed)
    return set(listed)


def groups_of(snapshot: GraphSnapshot) -> dict[int, tuple[int, list[int]]]:
    """By id, of those with members: how many are needed, and the members."""
    members = [snapshot.members_of(group) for group in range(len(snapshot.groups.id))]
    return {
        int(snapshot.groups.id[group]): (
            int(snapshot.groups.needed[group]),
            snapshot.ids[found].tolist(),
        )
        for group, found in enumerate(members)
        if len(found)
    }


def check_neighbours(snapshot: GraphSnapshot) -> None:
    """Those of many CIs at once are what the edges say of each."""
    indices = snapshot.present.tolist()
    beside: dict[int, set[int]] = {index: set() for index in indices}
    edges = snapshot.edges()
    for one, other in zip(edges.dependent.tolist(), edges.provider.tolist(), strict=True):
        beside[one].add(other)
        beside[other].add(one)
    found = neighbours(snapshot, indices[::-1])
    assert found == [sorted(beside[index]) for index in indices[::-1]]


def check_as_built(snapshot: GraphSnapshot, landscape: Landscape) -> None:
    built = snapshot_of(landscape)
    assert snapshot.ids[snapshot.present].tolist() == built.ids.tolist() == sorted(landscape.cis)
    assert edges_of(snapshot) == edges_of(built)
    assert groups_of(snapshot) == groups_of(built)
    check_neighbours(snapshot)

    for ci in landscape.cis:
        here, there = snapshot.index_of(ci), built.index_of(ci)
        for way in ("edges_to_providers", "edges_to_dependents"):
            ours = snapshot.relationship[getattr(snapshot, way)(here)].tolist()
            assert ours == built.relationship[getattr(built, way)(there)].tolist()
    questions = [[ci] for ci in sorted(landscape.cis)] + [sorted(landscape.cis)[:3]]
    for failed in questions:
        expected = told(built, failed, STRATEGIES["one by one"])
        for walk in STRATEGIES.values():
            assert told(snapshot, failed, walk) == expected


@pytest.mark.parametrize("room", [0, 2, 1000], ids=["no room", "little room", "room"])
@random_cases
@given(st.data())
def test_following_edits_is_the_same_as_building_anew(room: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cmdb.graph_layout._LEAST_ROOM", room)
        landscape = Landscape(frozenset({2, 5, 7}), (), ())
        snapshot = snapshot_of(landscape)
        kept: list[tuple[GraphSnapshot, Landscape]] = []
        for _ in range(data.draw(st.integers(1, 5))):
            after, deleted = data.draw(edits(landscape))
            if data.draw(st.booleans()) and len(kept) < 2:
                kept.append((snapshot, landscape))
            snapshot = followed(snapshot, landscape, after, deleted)
            if data.draw(st.integers(0, 4)) == 0:
                snapshot = laid_out_anew(snapshot)
            landscape = after
        check_as_built(snapshot, landscape)
        for older, then in kept:  # whoever still reads an older one sees nothing of the newer
            check_as_built(older, then)


@pytest.mark.parametrize("seed", range(6))
def test_the_cache_follows_random_writes_as_if_it_read_everything(
    seed: int, sqlite_engine: Engine
) -> None:
    random, cache = Random(seed), GraphCache()
    with transaction(sqlite_engine) as session:
        cis = [put_ci(session, f"ci-{number}") for number in range(12)]
    links: list[int] = []
    for _ in range(30):
        with transaction(sqlite_engine) as session:
            for _ in range(random.randint(1, 3)):
                _write(session, random, cis, links)
        with reading(sqlite_engine) as session:
            followed_graph, built_graph = cache.current(session), build(session)
        assert edges_of(followed_graph.snapshot) == edges_of(built_graph.snapshot)
        assert groups_of(followed_graph.snapshot) == groups_of(built_graph.snapshot)
        assert followed_graph.service_ids.tolist() == built_graph.service_ids.tolist()


def _write(session: Session, random: Random, cis: list[int], links: list[int]) -> None:
    what = random.choice(["link", "link", "group", "drop", "status", "class", "new", "soften"])
    ci = random.choice(cis)
    if what == "new":
        cis.append(put_ci(session, f"ci-{len(cis)}"))
    elif what in {"link", "group"}:
        other = random.choice([each for each in cis if each != ci])
        group = random.choice(["a", "b"]) if what == "group" else None
        with suppress(IntegrityError), session.begin_nested():
            links.append(put_relationship(session, ci, other, group=group, min_up=2))
    elif what in {"status", "class"}:
        values = {
            "status": {"status": random.choice(["active", "retired"])},
            "class": {"ci_class": random.choice(["application", "technical_service"])},
        }[what]
        row = update(ConfigurationItem).where(ConfigurationItem.id == ci)
        session.execute(row.values(**values))
        revision.note(session, CI, [ci])
    elif links:
        chosen = random.choice(links)
        if what == "drop":
            links.remove(chosen)
            session.execute(delete(Row).where(Row.id == chosen))
        else:
            session.execute(update(Row).where(Row.id == chosen).values(dependency="optional"))
        revision.note(session, RELATIONSHIP, [chosen])
