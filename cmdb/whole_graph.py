"""Questions to the whole graph at once: what is reached from somewhere, what runs in circles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import EdgeKind, GraphSnapshot, Indices
from cmdb.graph_input import NONE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Carriers:
    """Every edge of a snapshot by what its failure does; arrays of one length."""

    provider: Indices
    dependent: Indices
    group: Indices
    """Group index, -1 for none."""
    needed: Mask
    """Without which the dependent is down: required ones, and members of groups that need all of
    their members, which is no redundancy."""
    redundant: Mask
    """Members of groups that can do without some of them."""


def carriers(snapshot: GraphSnapshot) -> Carriers:
    """The whole graph as arrays."""
    edges = snapshot.edges()
    spare = np.append(spare_of(snapshot), NONE)  # the last is that of no group
    needed = (edges.kind == EdgeKind.REQUIRED) | (spare[edges.group] == 0)
    redundant = (edges.kind == EdgeKind.REDUNDANCY) & ~needed
    return Carriers(edges.provider, edges.dependent, edges.group, needed, redundant)


def spare_of(snapshot: GraphSnapshot) -> Indices:
    """(g,) how many members each group can do without."""
    spare: Indices = snapshot.groups.size - snapshot.groups.needed
    return spare


def reached_from(start: Indices, source: Indices, target: Indices, size: int) -> Mask:
    """Which of `size` nodes can be reached from `start`, itself included."""
    from scipy.sparse.csgraph import breadth_first_order  # noqa: PLC0415 - a third of a second

    root = np.full(len(start), size, np.int32)
    graph = matrix(np.concatenate([source, root]), np.concatenate([target, start]), size + 1)
    reached = np.zeros(size + 1, np.bool_)
    reached[breadth_first_order(graph, size, return_predecessors=False)] = True
    return reached[:-1]


def circle_labels(source: Indices, target: Indices, size: int) -> Indices:
    """(size,) a label for each node; those that reach each other share one."""
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - a third of a second

    labels: Indices = connected_components(matrix(source, target, size), connection="strong")[1]
    return labels


def matrix(source: Indices, target: Indices, size: int) -> csr_array:
    """The edges from `source` to `target` among so many nodes, for the walks of scipy."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - a third of a second

    return csr_array((np.ones(len(source), np.int32), (source, target)), shape=(size, size))
