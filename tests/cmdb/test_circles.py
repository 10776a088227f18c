"""Circular dependencies, and what goes down directly: against the plain rules."""

from itertools import pairwise

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb import circles
from cmdb.circles import find_circles, way_round
from cmdb.direct_ways import DirectWays
from cmdb.graph import GraphSnapshot
from cmdb.impact import Step, analyse
from cmdb.whole_graph import carriers, matrix
from tests.cmdb.builders import graph, snapshot_of
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import impact_oracle, weak_points_oracle
from tests.oracles.impact_oracle import ClaimedStep, Landscape

quick = settings(max_examples=100, deadline=None)


@quick
@given(landscapes())
def test_circles_are_the_sets_of_cis_that_need_each_other(
    case: tuple[Landscape, list[int]],
) -> None:
    landscape, _failed = case
    snapshot = snapshot_of(landscape)
    found = [frozenset(snapshot.ids[each].tolist()) for each in find_circles(snapshot)]
    assert set(found) == weak_points_oracle.circles(landscape)
    assert len(set(found)) == len(found)
    sizes = [len(each) for each in found]
    assert sizes == sorted(sizes, reverse=True)


@quick
@given(landscapes())
def test_the_way_round_is_a_shortest_one(case: tuple[Landscape, list[int]]) -> None:
    landscape, _failed = case
    snapshot = snapshot_of(landscape)
    needs = nx.DiGraph((r.dependent, r.provider) for r in landscape.present())
    for circle in find_circles(snapshot):
        way = snapshot.ids[way_round(snapshot, circle)].tolist()
        assert len(set(way)) == len(way)
        assert all(needs.has_edge(one, other) for one, other in pairwise([*way, way[0]]))
        inside = needs.subgraph(snapshot.ids[circle].tolist())
        shortest = min(
            1 + nx.shortest_path_length(inside, provider, dependent)
            for dependent, provider in inside.edges
        )
        assert len(way) == shortest


def test_in_a_circle_of_a_whole_company_the_way_round_is_sought_from_some_of_it() -> None:
    size = circles.STARTS * 5
    ring = graph(", ".join(f"c{each} -> c{(each + 1) % size}" for each in range(size)))
    found = find_circles(ring.snapshot)
    assert [len(each) for each in found] == [size]
    assert len(way_round(ring.snapshot, found[0])) == size


def test_circles_through_optional_relationships_and_groups_count() -> None:
    ring = graph("a -> b?, b -> {a c}/1, d -> e, e -> d")
    names = [
        [ring.name(int(ci)) for ci in ring.snapshot.ids[each]]
        for each in find_circles(ring.snapshot)
    ]
    assert names == [["a", "b"], ["d", "e"]]


def test_what_stands_in_no_circle_has_none() -> None:
    assert find_circles(graph("a -> b -> c").snapshot) == []
    assert find_circles(snapshot_of(Landscape(frozenset(), ()))) == []


@quick
@given(landscapes(), st.data())
def test_what_goes_down_directly_would_do_so_if_every_group_held(
    case: tuple[Landscape, list[int]], data: st.DataObject
) -> None:
    landscape, _failed = case
    start = data.draw(st.sampled_from(sorted(landscape.cis)))
    snapshot = snapshot_of(landscape)
    ways = _ways_from(snapshot, start)
    reached = set(snapshot.ids[ways.reached].tolist())
    assert reached == _down_without_spare(landscape, start)
    for ci_id in reached:
        path = ways.path(snapshot.index_of(ci_id))
        assert path[-1].ci_id == ci_id
        impact_oracle.check_path(landscape, [start], [_claimed(step) for step in path])


def _down_without_spare(landscape: Landscape, start: int) -> set[int]:
    """What is down where groups that have a member to spare are taken away."""
    kept = [group for group, members, min_up in landscape.groups_in_effect()
            if len(members) == min_up]  # fmt: skip
    ids = {group.id for group in kept}
    relationships = tuple(r for r in landscape.relationships if r.group is None or r.group in ids)
    rest = Landscape(landscape.cis, relationships, tuple(kept))
    return weak_points_oracle.taken_down_by(rest)[start]


def _ways_from(snapshot: GraphSnapshot, start: int) -> DirectWays:
    edges = carriers(snapshot)
    needed = matrix(edges.provider[edges.needed], edges.dependent[edges.needed], snapshot.size)
    return DirectWays(needed, snapshot.index_of(start), analyse(snapshot, [start]))


def _claimed(step: Step) -> ClaimedStep:
    cause = step.cause
    return ClaimedStep(
        step.ci_id, int(step.state), cause.kind.value, cause.provider_id, cause.relationship_id,
        cause.group_id, cause.members, cause.up, cause.min_up,
    )  # fmt: skip
