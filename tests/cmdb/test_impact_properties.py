"""The engine against the table itself, on thousands of random graphs."""

import os
from random import Random

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.impact import State, analyse
from cmdb.walks import Walk
from tests.cmdb.builders import STRATEGIES, claimed_path, snapshot_of
from tests.oracles import impact_oracle as oracle
from tests.oracles.impact_oracle import Group, Landscape, Relationship

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "500"))
"""Random cases a property; 3000 makes more than 20,000 in all, in a minute or two."""

WALKS = {name: walk for name, walk in STRATEGIES.items() if name != "default"}
"""On graphs as small as these the default is to walk one by one."""

thorough = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
brief = settings(thorough, max_examples=EXAMPLES // 3 + 1)


@st.composite
def landscapes(draw: st.DrawFn, plain: bool = False) -> tuple[Landscape, list[int]]:
    """Up to 12 CIs, some retired, with groups, cycles, parallel edges and self-relationships;
    and which of them failed. `plain` has nothing but required edges."""
    cis = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=12)))
    ci = st.sampled_from(cis)
    present = frozenset(cis) if plain else frozenset(draw(st.sets(ci, min_size=1)) | {cis[0]})
    groups: list[Group] = []
    ends: list[tuple[int, int, bool, int | None]] = []
    if not plain:
        for number in range(draw(st.integers(0, 4))):
            owner = draw(ci)
            by_count = draw(st.booleans())
            amount = draw(
                st.integers(0, 5) if by_count else st.sampled_from([0, 1, 34, 50, 67, 100])
            )
            groups.append(
                Group(
                    500 + number, owner, amount if by_count else None, None if by_count else amount
                )
            )
            members = draw(st.lists(ci, min_size=1, max_size=5))
            ends += [(owner, member, draw(st.booleans()), 500 + number) for member in members]
    for _ in range(draw(st.integers(0, 20))):
        optional = not plain and draw(st.integers(0, 3)) == 0
        ends.append((draw(ci), draw(ci), optional, None))
    numbers = draw(st.permutations(range(1, len(ends) + 1)))
    relationships = tuple(
        Relationship(number, *end) for number, end in zip(numbers, ends, strict=True)
    )
    failed = draw(st.lists(st.sampled_from(sorted(present)), min_size=1, max_size=3))
    return Landscape(present, relationships, tuple(groups)), failed


@thorough
@given(landscapes())
@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS.keys())
def test_states_and_distances_are_those_of_the_table(
    walk: Walk, case: tuple[Landscape, list[int]]
) -> None:
    landscape, failed = case
    result = analyse(snapshot_of(landscape), failed, walk=walk)
    expected = {ci: s for ci, s in oracle.states(landscape, failed).items() if s}
    reached = result.reached
    assert dict(zip(result.ids.tolist(), reached.state.tolist(), strict=True)) == expected
    distances = dict(zip(result.ids.tolist(), reached.distance.tolist(), strict=True))
    assert distances == oracle.distances(landscape, failed)


@thorough
@given(landscapes())
def test_every_explanation_can_be_checked_by_hand(case: tuple[Landscape, list[int]]) -> None:
    landscape, failed = case
    result = analyse(snapshot_of(landscape), failed)
    for ci, distance in zip(result.ids.tolist(), result.reached.distance.tolist(), strict=True):
        path = claimed_path(result, ci)
        assert path[-1].ci == ci
        assert len(path) == distance + 1
        oracle.check_path(landscape, failed, path)


@brief
@given(landscapes(), st.data(), st.sampled_from(list(WALKS.values())))
def test_what_is_only_degraded_spreads_as_the_table_says_beside_what_failed(
    case: tuple[Landscape, list[int]], data: st.DataObject, walk: Walk
) -> None:
    landscape, failed = case
    failed = failed[: data.draw(st.integers(0, len(failed)))]
    degraded = data.draw(st.lists(st.sampled_from(sorted(landscape.cis)), max_size=3))
    result = analyse(snapshot_of(landscape), failed, walk=walk, degraded=degraded)
    expected = {ci: s for ci, s in oracle.states(landscape, failed, degraded).items() if s}
    reached = result.reached
    assert dict(zip(result.ids.tolist(), reached.state.tolist(), strict=True)) == expected
    distances = dict(zip(result.ids.tolist(), reached.distance.tolist(), strict=True))
    assert distances == oracle.distances(landscape, failed, degraded)
    for ci in expected:
        oracle.check_path(landscape, failed, claimed_path(result, ci), degraded)


@thorough
@given(landscapes(), st.randoms(use_true_random=False))
def test_neither_the_way_to_walk_nor_the_order_of_rows_changes_any_answer(
    case: tuple[Landscape, list[int]], random: Random
) -> None:
    landscape, failed = case
    rows = list(landscape.relationships)
    random.shuffle(rows)
    shuffled = Landscape(landscape.cis, tuple(rows), landscape.groups[::-1])
    one = snapshot_of(landscape)
    other = snapshot_of(shuffled, chunk=7)
    for walk in WALKS.values():
        a = analyse(one, failed, walk=walk).reached
        b = analyse(other, failed[::-1]).reached
        for column in ("index", "state", "distance", "cause"):
            assert np.array_equal(getattr(a, column), getattr(b, column)), column


@brief
@given(landscapes(), st.data())
def test_more_failures_never_improve_a_state(
    case: tuple[Landscape, list[int]], data: st.DataObject
) -> None:
    landscape, failed = case
    more = [*failed, data.draw(st.sampled_from(sorted(landscape.cis)))]
    snapshot = snapshot_of(landscape)
    few, many = analyse(snapshot, failed), analyse(snapshot, more)
    for ci in landscape.cis:
        assert many.state_of(ci) >= few.state_of(ci)


@brief
@given(landscapes())
def test_failing_what_is_down_anyway_changes_no_state(case: tuple[Landscape, list[int]]) -> None:
    landscape, failed = case
    snapshot = snapshot_of(landscape)
    once = analyse(snapshot, failed)
    down = once.ids[once.reached.state == State.DOWN].tolist()
    again = analyse(snapshot, down)
    assert np.array_equal(once.reached.index, again.reached.index)
    assert np.array_equal(once.reached.state, again.reached.state)


@brief
@given(landscapes(), st.integers(0, 4), st.sampled_from(list(WALKS.values())))
def test_a_depth_leaves_out_what_is_farther_and_changes_nothing_else(
    case: tuple[Landscape, list[int]], depth: int, walk: Walk
) -> None:
    landscape, failed = case
    snapshot = snapshot_of(landscape)
    near = analyse(snapshot, failed, max_depth=depth, walk=walk)
    states = oracle.states(landscape, failed)
    distances = oracle.distances(landscape, failed)
    expected = {ci: states[ci] for ci, distance in distances.items() if distance <= depth}
    assert dict(zip(near.ids.tolist(), near.reached.state.tolist(), strict=True)) == expected
    for ci in expected:
        oracle.check_path(landscape, failed, claimed_path(near, ci))


@brief
@given(landscapes(plain=True))
@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS.keys())
def test_with_required_edges_only_the_down_set_is_what_networkx_reaches(
    walk: Walk, case: tuple[Landscape, list[int]]
) -> None:
    landscape, failed = case
    reach = nx.MultiDiGraph((r.provider, r.dependent) for r in landscape.relationships)
    reach.add_nodes_from(landscape.cis)
    expected = set(failed).union(*(nx.descendants(reach, ci) for ci in failed))
    result = analyse(snapshot_of(landscape), failed, walk=walk)
    assert set(result.ids.tolist()) == expected
    assert set(result.reached.state.tolist()) == {State.DOWN}
    lengths = nx.multi_source_dijkstra_path_length(reach, set(failed))
    assert dict(zip(result.ids.tolist(), result.reached.distance.tolist(), strict=True)) == lengths


@brief
@given(st.lists(landscapes(), min_size=2, max_size=4))
def test_a_query_leaves_nothing_behind_for_the_next(
    cases: list[tuple[Landscape, list[int]]],
) -> None:
    landscape = cases[0][0]
    snapshot = snapshot_of(landscape)
    questions = [[ci] for ci in sorted(landscape.cis)] + [sorted(landscape.cis)]
    for walk in WALKS.values():
        for failed in questions:
            result = analyse(snapshot, failed, walk=walk)
            expected = {ci: s for ci, s in oracle.states(landscape, failed).items() if s}
            states = dict(zip(result.ids.tolist(), result.reached.state.tolist(), strict=True))
            assert states == expected


@pytest.mark.parametrize("seed", range(12))
def test_on_larger_graphs_too_all_ways_to_walk_agree_with_the_table(seed: int) -> None:
    """Hundreds of CIs and a hub or two: long rows and the change between both ways to walk."""
    random = Random(seed)
    size = random.choice([60, 200, 400])
    hubs = random.sample(range(size), 3)
    edges = [(random.randrange(size), random.randrange(size)) for _ in range(int(size * 1.1))]
    edges += [(random.randrange(size), random.choice(hubs)) for _ in range(size // 2)]
    groups = tuple(
        Group(g, random.randrange(size), count=random.randrange(4)) for g in range(size // 6)
    )
    members = [
        (group.dependent, random.randrange(size), False, group.id)
        for group in groups
        for _ in range(random.randint(1, 5))
    ]
    ends = [(a, b, random.random() < 0.1, None) for a, b in edges] + members
    relationships = tuple(Relationship(number, *end) for number, end in enumerate(ends, 1))
    landscape = Landscape(frozenset(range(size)), relationships, groups)
    snapshot = snapshot_of(landscape, chunk=100)
    for failed in ([hubs[0]], hubs, random.sample(range(size), 5)):
        expected = {ci: s for ci, s in oracle.states(landscape, failed).items() if s}
        distances = oracle.distances(landscape, failed)
        causes = []
        for walk in STRATEGIES.values():
            result = analyse(snapshot, failed, walk=walk)
            ids, reached = result.ids.tolist(), result.reached
            assert dict(zip(ids, reached.state.tolist(), strict=True)) == expected
            assert dict(zip(ids, reached.distance.tolist(), strict=True)) == distances
            causes.append(reached.cause.tolist())
        assert all(cause == causes[0] for cause in causes)
