"""The effect of a relationship type's edit is told before it is saved, as it then comes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from bench.topology import layered
from cmdb.classes import create_class, delete_class, edit_class
from cmdb.graph import GraphSnapshot
from cmdb.impact import State, analyse
from cmdb.impact_inventory import inventory_at
from cmdb.live_models import CIState
from cmdb.live_states import build as live_states
from cmdb.models import ConfigurationItem, FailureDirection, RedundancyGroup, Relationship
from cmdb.relationship_types import create_type, delete_type, edit_type, get_type
from cmdb.schemas import CIClassIn, CIClassPatch, RelationshipTypeIn, RelationshipTypePatch
from cmdb.snapshots import GraphCache, build
from cmdb.standing import stood_on
from cmdb.type_effect import EffectLimits, type_effect
from cmdb.type_effect_schemas import RelationshipTypeEffect
from cmdb.vocabulary_writes import BuiltInError, InUseError, StaleWordError
from opsatlas.actor import SYSTEM
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.rows import put_ci, put_relationship

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "40"))
ALL = EffectLimits(services=1000, seconds=60)
NO_FAILURE = RelationshipTypePatch(failure_direction=FailureDirection.NONE)
FAILURE = RelationshipTypePatch(failure_direction=FailureDirection.PROVIDER_TO_DEPENDENT)
TYPES = ("depends_on", "uses", "documents")

edges = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.integers(0, 6),
        st.sampled_from(TYPES),
        st.sampled_from(["required", "required", "optional"]),
        st.none() | st.sampled_from(["one", "half"]),
    ),
    max_size=16,
    unique_by=lambda edge: (edge[:3], edge[4]),
)


def preview(
    session: Session, name: str, patch: RelationshipTypePatch, limits: EffectLimits = ALL
) -> RelationshipTypeEffect:
    graphs = GraphCache()
    return type_effect(session, graphs, live_states(session, graphs, now()), name, patch, limits)


def put_down(session: Session, ci_id: int) -> None:
    at = now()
    said = {"source": "test", "state": "down", "message": "", "actor": "test"}
    session.add(CIState(ci_id=ci_id, since=at, reported_at=at, **said))
    session.flush()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(edges, st.sampled_from(TYPES), st.sampled_from([FAILURE, NO_FAILURE]), st.integers(0, 6))
def test_a_preview_tells_what_differs_once_the_edit_is_saved(
    sqlite_engine: Engine,
    drawn: Iterable[tuple[int, int, str, str, str | None]],
    name: str,
    patch: RelationshipTypePatch,
    down: int,
) -> None:
    with transaction(sqlite_engine) as session:
        for table in (CIState, Relationship, RedundancyGroup, ConfigurationItem):
            session.execute(delete(table))
        for each in TYPES:
            edit_type(session, each, NO_FAILURE if each == "documents" else FAILURE, SYSTEM)
        ids = [
            put_ci(session, f"ci-{n}", "business_service" if n < 3 else "server") for n in range(7)
        ]
        for dependent, provider, type_, dependency, group in drawn:
            if dependent != provider:
                put_relationship(
                    session,
                    ids[dependent],
                    ids[provider],
                    type_=type_,
                    dependency=dependency,
                    group=group,
                    min_up=50 if group == "half" else 1,
                    percent=group == "half",
                )
        put_down(session, ids[down])
        told = preview(session, name, patch)
        before = _facts(build(session).snapshot, ids, ids[down])
        edit_type(session, name, patch, SYSTEM)
        after = _facts(build(session).snapshot, ids, ids[down])
    edited = told.relationship_type
    count = sum(each[0] != each[1] and each[2] == name for each in drawn)
    changes = edited.before.failure_direction != edited.after.failure_direction
    assert told.relationships.total == count
    assert told.relationships.starting == (count if changes and patch is FAILURE else 0)
    assert told.relationships.stopping == (count if changes and patch is NO_FAILURE else 0)
    told_of = {each.id: each for each in told.services}
    stands = [len(before[each][0]) - len(after[each][0]) for each in ids[:3]]
    states = [before[each][2] - after[each][2] for each in ids[:3]]
    assert told.counts.losing == sum(each > 0 for each in stands)
    assert told.counts.gaining == sum(each < 0 for each in stands)
    assert told.counts.better == sum(each > 0 for each in states)
    assert told.counts.worse == sum(each < 0 for each in states)
    for service in ids[:3]:
        if service not in told_of:
            assert before[service] == after[service]
            continue
        row = told_of[service]
        assert row.stands_on is not None
        assert row.single_points is not None
        for said, (below, points, state) in (
            ("before", before[service]),
            ("after", after[service]),
        ):
            assert getattr(row.stands_on, said) == len(below)
            assert getattr(row.single_points, said) == len(points)
            assert getattr(row.state, said) == State(state).name.lower()


def _facts(
    snapshot: GraphSnapshot, ids: list[int], down: int
) -> dict[int, tuple[set[int], set[int], int]]:
    """By service: what it stands on, what takes it down alone, its state. The slow way."""
    found = {}
    failing = {each: analyse(snapshot, [each]) for each in ids}
    for service in ids[:3]:
        below, waiting = set(), [snapshot.index_of(service)]
        while waiting:
            for position in snapshot.edges_to_providers(waiting.pop()).tolist():
                provider = snapshot.provider_of(position)
                if provider not in below:
                    below.add(provider)
                    waiting.append(provider)
        below.discard(snapshot.index_of(service))
        points = {
            each
            for each, result in failing.items()
            if each != service and result.state_of(service) == State.DOWN
        }
        found[service] = (below, points, int(failing[down].state_of(service)))
    return found


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Checkout uses an API that runs on two hosts in one rack; Search uses it too."""
    with transaction(engine) as session:
        checkout = put_ci(session, "Checkout", "business_service", criticality=1)
        search = put_ci(session, "Search", "business_service", criticality=3)
        put_ci(session, "Alone", "business_service", criticality=1)
        api, rack = put_ci(session, "api"), put_ci(session, "rack", "rack")
        put_relationship(session, checkout, api, type_="uses")
        put_relationship(session, search, api, type_="uses", dependency="optional")
        for number in range(2):
            host = put_ci(session, f"host-{number}", "server")
            put_relationship(session, api, host, type_="runs_on", group="hosts")
            put_relationship(session, host, rack, type_="located_near")
        put_down(session, rack)
    return engine


def test_services_that_would_stand_on_more_are_named_with_their_new_single_points(
    shop: Engine,
) -> None:
    with reading(shop) as session:
        told = preview(session, "located_near", FAILURE)
    assert told.relationships.model_dump() == {"total": 2, "starting": 2, "stopping": 0}
    assert told.counts.model_dump() == {
        "touched": 2, "gaining": 2, "losing": 0, "worse": 2, "better": 0
    }  # fmt: skip
    checkout, search = told.services
    assert (checkout.name, search.name) == ("Checkout", "Search")
    assert checkout.stands_on is not None
    assert checkout.single_points is not None
    assert (checkout.stands_on.before, checkout.stands_on.after) == (3, 4)
    assert (checkout.single_points.before, checkout.single_points.after) == (1, 2)
    assert (checkout.state.before, checkout.state.after) == ("operational", "down")
    assert (search.state.before, search.state.after) == ("operational", "degraded")
    assert not told.truncated


def test_a_preview_writes_nothing_and_a_new_label_changes_no_service(shop: Engine) -> None:
    with reading(shop) as session:
        before = get_type(session, "uses")
        told = preview(session, "uses", RelationshipTypePatch(label="needs"))
        assert get_type(session, "uses") == before
    assert (told.relationship_type.after.label, told.services) == ("needs", [])
    assert told.relationships.model_dump() == {"total": 2, "starting": 0, "stopping": 0}


def test_what_there_is_no_time_to_count_is_null_and_said(shop: Engine) -> None:
    with reading(shop) as session:
        told = preview(session, "uses", NO_FAILURE, EffectLimits(services=1, seconds=0))
    assert told.truncated
    assert (told.counts.losing, told.counts.touched, len(told.services)) == (None, 2, 1)
    assert told.services[0].stands_on is None


def test_the_past_keeps_what_a_type_meant_then(shop: Engine) -> None:
    with reading(shop) as session:
        then = now()
        before = _affected(session, None)
    with transaction(shop) as session:
        edit_type(session, "uses", NO_FAILURE, SYSTEM)
    with reading(shop) as session:
        assert _affected(session, None) == {"api"}
        assert _affected(session, then) == before == {"api", "Checkout", "Search"}


def _affected(session: Session, at: datetime | None) -> set[str]:
    inventory = inventory_at(session, GraphCache(), at)
    found = analyse(inventory.graph.snapshot, inventory.resolve(["api"]))
    return {each.name for each in inventory.named(found.ids.tolist()).values()}


def test_types_and_classes_that_are_used_or_built_in_stay(engine: Engine) -> None:
    kind = RelationshipTypeIn.model_validate({"name": "cools", "failure_direction": "none"})
    with transaction(engine) as session:
        create_type(session, kind, SYSTEM)
        create_class(session, CIClassIn(name="fan", parent="server"), SYSTEM)
        create_class(session, CIClassIn(name="big_fan", parent="fan"), SYSTEM)
        used = put_relationship(
            session, put_ci(session, "hall"), put_ci(session, "fan-1", "big_fan"), type_="cools"
        )
        for remove, name, error in (
            (delete_type, "uses", BuiltInError),
            (delete_class, "server", BuiltInError),
            (delete_type, "cools", InUseError),
            (delete_class, "fan", InUseError),
            (delete_class, "big_fan", InUseError),
        ):
            with pytest.raises(error):
                remove(session, name, SYSTEM)
        session.execute(delete(Relationship).where(Relationship.id == used))
        delete_type(session, "cools", SYSTEM)
        edit_class(session, "big_fan", CIClassPatch(parent="server"), SYSTEM)
        delete_class(session, "fan", SYSTEM)


def test_a_class_that_a_source_still_says_stays(engine: Engine) -> None:
    with transaction(engine) as session:
        create_class(session, CIClassIn(name="fan", parent="server"), SYSTEM)
        ci_id = put_ci(session, "fan-1", "fan", key="f")
        session.get_one(ConfigurationItem, ci_id).ci_class = "server"
        session.flush()
        with pytest.raises(InUseError):
            delete_class(session, "fan", SYSTEM)


def test_an_edit_of_what_somebody_else_changed_meanwhile_is_refused(engine: Engine) -> None:
    with transaction(engine) as session:
        seen = get_type(session, "uses").version
        assert edit_type(session, "uses", NO_FAILURE, SYSTEM, seen).version == seen + 1
        with pytest.raises(StaleWordError):
            edit_type(session, "uses", FAILURE, SYSTEM, seen)


def test_counts_below_many_services_are_those_of_a_walk() -> None:
    company = layered(600, 2500, seed=3)
    snapshot = GraphSnapshot.build(
        company.ci_ids, [company.relationships], company.groups, revision=1
    )
    services = np.flatnonzero(company.layer >= 4).astype(np.int32)
    counts = stood_on(snapshot, services, 60)
    assert counts is not None
    for service, count in list(zip(services.tolist(), counts.tolist(), strict=True))[::20]:
        below, waiting = {service}, [service]
        while waiting:
            for position in snapshot.edges_to_providers(waiting.pop()).tolist():
                provider = snapshot.provider_of(position)
                if provider not in below:
                    below.add(provider)
                    waiting.append(provider)
        assert count == len(below) - 1
