"""Single points of failure, against failing each CI alone by the state table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb import single_points
from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.single_points import SinglePoints, find_single_points
from tests.cmdb.builders import Graph, graph, snapshot_of
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import weak_points_oracle as oracle
from tests.oracles.impact_oracle import Group, Landscape, Relationship


def find(
    snapshot: GraphSnapshot, services: list[int], budget: float = float("inf")
) -> SinglePoints:
    """With services of one kind, given by id."""
    indices = np.array(sorted(snapshot.index_of(each) for each in services), np.int32)
    return find_single_points(snapshot, indices, np.zeros(len(indices), np.int32), 1, budget)


def taken_down(drawn: Graph, *services: str) -> dict[str, int]:
    """By name, how many services a CI takes down alone; without those that take down none."""
    found = find(drawn.snapshot, [drawn.ids[name] for name in services])
    counts = {
        name: int(found.taken_down[drawn.snapshot.index_of(ci_id)].sum())
        for name, ci_id in drawn.ids.items()
        if ci_id in drawn.landscape.cis
    }
    return {name: count for name, count in counts.items() if count}


def check(landscape: Landscape, services: list[int]) -> None:
    """That every count is the oracle's."""
    snapshot = snapshot_of(landscape)
    ids = np.array(services)
    indices = np.array([snapshot.index_of(each) for each in services], np.int32)
    found = find_single_points(snapshot, indices, (ids % 3).astype(np.int32), 3)
    down_with = oracle.taken_down_by(landscape)
    for ci, down in down_with.items():
        hit = [service for service in services if service in down and service != ci]
        expected = [sum(1 for service in hit if service % 3 == kind) for kind in range(3)]
        assert found.taken_down[snapshot.index_of(ci)].tolist() == expected
    assert found.points.tolist() == [len(oracle.points_of(down_with, each)) for each in services]
    needed = {*services}.union(*(_needed_for_work(landscape, each) for each in services))
    shared = oracle.shared_by(landscape, down_with)
    for group, count in zip(snapshot.group_id.tolist(), found.shared.tolist(), strict=True):
        owner = next(each.dependent for each in landscape.groups if each.id == group)
        expected_cis = shared.get(group, set()) & needed if owner in needed else set()
        assert count == len(expected_cis)
        kept = found.nearest_shared.get(snapshot.group_id.tolist().index(group), [])
        assert len(kept) == min(count, single_points.KEPT)
        assert set(snapshot.ids[kept].tolist()) <= expected_cis
    assert set(snapshot.ids[found.needed].tolist()) == needed
    assert found.examined == found.candidates == len(needed)


def _needed_for_work(landscape: Landscape, service: int) -> set[int]:
    """What a service stands on, but for what is optional."""
    hard = tuple(r for r in landscape.relationships if r.group is not None or not r.optional)
    return oracle.needs(Landscape(landscape.cis, hard, landscape.groups))[service]


@settings(max_examples=100, deadline=None)
@given(landscapes(), st.data())
def test_single_points_and_shared_members_are_those_of_failing_each_ci_alone(
    case: tuple[Landscape, list[int]], data: st.DataObject
) -> None:
    landscape, _failed = case
    services = sorted(data.draw(st.sets(st.sampled_from(sorted(landscape.cis)))))
    check(landscape, services)


@pytest.mark.parametrize("seed", range(4))
def test_many_small_blocks_give_the_same_as_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    size = 90
    groups = tuple(Group(g, int(random.integers(size)), count=1) for g in range(30))
    ends: list[tuple[int, int, int | None]] = [
        (int(random.integers(size)), int(random.integers(size)), None) for _ in range(70)
    ]
    ends += [
        (group.dependent, int(random.integers(size)), group.id)
        for group in groups
        for _ in range(random.integers(1, 4))
    ]
    relationships = tuple(
        Relationship(number, dependent, provider, False, group)
        for number, (dependent, provider, group) in enumerate(ends, 1)
    )
    monkeypatch.setattr(single_points, "_BLOCK_BYTES", 1)  # 64 CIs a block
    monkeypatch.setattr(single_points, "_AT_ONCE", 3)
    check(Landscape(frozenset(range(size)), relationships, groups), list(range(0, size, 2)))


def test_a_group_whose_members_share_a_hypervisor_is_no_redundancy() -> None:
    shop = graph("shop -> {api-1 api-2}/1 -> hypervisor -> rack")
    assert taken_down(shop, "shop") == {"hypervisor": 1, "rack": 1}
    found = find(shop.snapshot, [shop.ids["shop"]])
    assert found.shared.tolist() == [2]
    nearest_first = [shop.ids["hypervisor"], shop.ids["rack"]]
    assert shop.snapshot.ids[found.nearest_shared[0]].tolist() == nearest_first


def test_a_group_that_stands_on_two_feeds_hides_nothing() -> None:
    shop = graph("shop -> {api-1 api-2}/1, api-1 -> feed-a, api-2 -> feed-b")
    assert taken_down(shop, "shop") == {}
    assert find(shop.snapshot, [shop.ids["shop"]]).shared.tolist() == [0]


def test_two_of_three_on_one_feed_are_too_many_where_two_are_needed() -> None:
    shop = graph("shop -> {a b c}/2, a -> feed-1, b -> feed-1, c -> feed-2")
    assert taken_down(shop, "shop") == {"feed-1": 1}


@pytest.mark.parametrize("min_up", [1, 2, 3, 4])
def test_of_five_members_exactly_so_many_may_share_a_feed(min_up: int) -> None:
    for sharing in range(1, 6):
        feeds = ", ".join(f"m{each} -> {'feed' if each >= 5 - sharing else f'own-{each}'}"
                          for each in range(5))  # fmt: skip
        shop = graph(f"shop -> {{m0 m1 m2 m3 m4}}/{min_up}, {feeds}")
        expected = {"feed": 1} if 5 - sharing < min_up else {}
        assert taken_down(shop, "shop") == expected, sharing


def test_what_is_optional_takes_nothing_down() -> None:
    assert taken_down(graph("shop -> search?, shop -> db"), "shop") == {"db": 1}


def test_services_that_need_each_other_take_each_other_down() -> None:
    ring = graph("a -> b -> c -> a")
    assert taken_down(ring, "a", "b") == {"a": 1, "b": 1, "c": 2}


def test_members_that_fall_with_each_other_through_a_circle_of_groups_are_found() -> None:
    ring = graph("a -> {b c}/1, b -> {a d}/1, c -> {a d}/1")
    assert taken_down(ring, "a") == {}
    assert taken_down(graph("a -> {b c}/1, b -> {c d}/1, c -> d, d -> {b e}/1"), "a") == {"d": 1}


def test_retired_members_leave_those_that_remain_alone() -> None:
    shop = graph("shop -> {api-1 api-2}/1", retired="api-2")
    assert taken_down(shop, "shop") == {"api-1": 1}


def test_an_inventory_without_services_or_without_anything_has_no_single_points() -> None:
    assert taken_down(graph("a -> b")) == {}
    empty = snapshot_of(Landscape(frozenset(), ()))
    assert find(empty, []).candidates == 0


def test_a_whole_company_in_one_circle_stands_and_falls_together() -> None:
    size = 200_000
    ring = tuple((each, each, (each + 1) % size, 0, -1) for each in range(size))
    snapshot = GraphSnapshot.build(
        np.arange(size), [RelationshipColumns.from_rows(ring)], GroupColumns.from_rows([]), 1
    )
    found = find(snapshot, [7])
    assert found.points.tolist() == [size - 1]


def test_beyond_the_time_budget_the_rest_is_left_out_and_said_so() -> None:
    shop = graph("shop -> db")
    found = find(shop.snapshot, [shop.ids["shop"]], budget=0)
    assert (found.examined, found.candidates) == (0, 2)
    assert found.points.tolist() == [0]
