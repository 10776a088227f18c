"""Structural analysis of a part of the graph."""

import io
import json

import networkx as nx
import pytest

from cmdb.structure import (
    circular_dependencies,
    cut_points,
    neighbourhood,
    to_graphml,
    to_networkx,
    to_node_link_json,
)
from opsatlas.errors import NotFoundError
from tests.cmdb.builders import Graph, graph


def near(g: Graph, name: str, hops: int, limit: int = 1000) -> set[str]:
    found = neighbourhood(g.snapshot, [g.ids[name]], hops, limit)
    return {g.name(int(ci_id)) for ci_id in g.snapshot.ids[found]}


def whole(g: Graph) -> nx.MultiDiGraph:
    return to_networkx(g.snapshot, range(g.snapshot.size))


def test_a_neighbourhood_goes_both_ways() -> None:
    g = graph("web -> app -> {db-1 db-2}/1 -> disk")
    assert near(g, "app", 0) == {"app"}
    assert near(g, "app", 1) == {"web", "app", "db-1", "db-2"}
    assert near(g, "app", 2) == set(g.ids)


def test_a_neighbourhood_keeps_the_nearest_when_it_is_limited() -> None:
    g = graph("a -> hub, b -> hub, c -> hub, far -> a")
    assert near(g, "hub", 5, limit=4) == {"hub", "a", "b", "c"}
    assert near(graph("z -> y -> x -> w"), "z", 2, limit=3) == {"z", "y", "x"}


def test_a_neighbourhood_of_an_unknown_ci_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        neighbourhood(graph("a -> b").snapshot, [7], 1)


def test_parallel_relationships_keep_their_kinds_and_groups() -> None:
    g = graph("web -> app, web -> app?, web -> {app db}/50%")
    edges = whole(g).get_edge_data(g.ids["web"], g.ids["app"])
    assert edges == {
        1: {"kind": "required"},
        2: {"kind": "optional"},
        3: {"kind": "redundancy", "group": 900, "min_up": 1},
    }


def test_relationships_to_cis_outside_of_the_part_are_left_out() -> None:
    g = graph("web -> app -> db")
    for end, edge in (("web", ("web", "app")), ("db", ("app", "db"))):
        part = to_networkx(g.snapshot, neighbourhood(g.snapshot, [g.ids[end]], 1))
        assert set(part.edges()) == {(g.ids[edge[0]], g.ids[edge[1]])}


def test_circular_dependencies_are_found_largest_first() -> None:
    g = graph("a -> b -> a, x -> y -> z -> x, a -> x, alone -> a")
    rings = [[g.name(ci) for ci in ring] for ring in circular_dependencies(whole(g))]
    assert rings == [["x", "y", "z"], ["a", "b"]]


def test_a_cut_point_is_where_all_ways_meet() -> None:
    g = graph("web -> {app-1 app-2} -> db -> disk")
    assert [g.name(ci) for ci in cut_points(whole(g))] == ["db"]


def test_exports_can_be_read_back() -> None:
    g = graph("web -> app, web -> app?, app -> {db-1 db-2}/1")
    before = whole(g)
    from_json = nx.node_link_graph(json.loads(to_node_link_json(before)), edges="links")
    from_graphml = nx.read_graphml(
        io.BytesIO(to_graphml(before).encode()),
        node_type=int,
        edge_key_type=int,
        force_multigraph=True,
    )
    for after in (from_json, from_graphml):
        assert set(after.nodes) == set(before.nodes)
        assert sorted(after.edges(data="kind")) == sorted(before.edges(data="kind"))
