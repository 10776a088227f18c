"""What networkx is best at: the shape of a part of the graph, and taking it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable

import networkx as nx
import numpy as np

from cmdb.graph import GraphSnapshot, Indices


def neighbourhood(
    snapshot: GraphSnapshot, ci_ids: Iterable[int], hops: int, limit: int = 1000
) -> Indices:
    """Indices (ascending) of the CIs within so many relationships, in both directions.

    At most `limit` of them, the nearest first, so that a hub does not bring in the company.
    Raises NotFoundError for a CI that is not in the snapshot.
    """
    seen = dict.fromkeys(sorted(snapshot.index_of(ci_id) for ci_id in ci_ids))
    frontier = list(seen)
    for _ in range(hops):
        beside = sorted({n for index in frontier for n in _beside(snapshot, index)} - seen.keys())
        frontier = beside[: max(0, limit - len(seen))]
        seen.update(dict.fromkeys(frontier))
    return np.array(sorted(seen), np.int32)


def to_networkx(snapshot: GraphSnapshot, indices: Iterable[int]) -> nx.MultiDiGraph:
    """The part of the graph among these CIs, for analysis: networkx is no place for all of it.

    Nodes are CI ids. Edges run from dependent to provider, their key is the relationship id, their
    attributes are `kind` (`required`, `optional`, `redundancy`) and, in a group, `group` and
    `min_up` (both ints; `min_up` is resolved for the whole group, members outside included).
    """
    inside = {int(index) for index in indices}
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(int(snapshot.ids[index]) for index in sorted(inside))
    for provider in sorted(inside):
        for position in snapshot.edges_to_dependents(provider).tolist():
            dependent = int(snapshot.dependent[position])
            if dependent in inside:
                graph.add_edge(
                    int(snapshot.ids[dependent]),
                    int(snapshot.ids[provider]),
                    key=int(snapshot.relationship[position]),
                    **_attributes(snapshot, position),
                )
    return graph


def circular_dependencies(graph: nx.MultiDiGraph) -> list[list[int]]:
    """Sets of CIs that all depend on each other, largest first; ids ascending within each."""
    rings = [sorted(ring) for ring in nx.strongly_connected_components(graph) if len(ring) > 1]
    return sorted(rings, key=lambda ring: (-len(ring), ring))


def cut_points(graph: nx.MultiDiGraph) -> list[int]:
    """CIs without which this part would fall apart, ascending: everything between the sides meets
    here. They look at the drawing alone; whether a redundancy group holds is for `impact.py`."""
    return sorted(nx.articulation_points(nx.Graph(graph.to_undirected())))


def to_node_link_json(graph: nx.MultiDiGraph) -> str:
    """The graph as node-link JSON text, as D3 and networkx read it."""
    return json.dumps(nx.node_link_data(graph, edges="links"))


def to_graphml(graph: nx.MultiDiGraph) -> str:
    """The graph as GraphML text, as Gephi, yEd and networkx read it."""
    return "\n".join(nx.generate_graphml(graph))


def _beside(snapshot: GraphSnapshot, index: int) -> list[int]:
    dependents = snapshot.dependent[snapshot.edges_to_dependents(index)].tolist()
    to_providers = snapshot.edges_to_providers(index).tolist()
    return [*dependents, *(snapshot.provider_of(position) for position in to_providers)]


def _attributes(snapshot: GraphSnapshot, position: int) -> dict[str, str | int]:
    kind = {"kind": snapshot.kind_of(position).name.lower()}
    group = snapshot.group_at(position)
    if group < 0:
        return {**kind}
    group_id, min_up = int(snapshot.group_id[group]), int(snapshot.group_needed[group])
    return {**kind, "group": group_id, "min_up": min_up}
