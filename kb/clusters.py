"""Clusters of what is alike: average linkage, so that no chain of neighbours holds one together."""

import numpy as np
from numpy.typing import NDArray


def clusters(likeness: NDArray[np.float32], at_least: float) -> list[list[int]]:
    """Rows of a symmetric (n, n) likeness (0 to 1) that belong together, clusters of one included.

    Two clusters are joined, the most alike first, while the mean likeness between their members is
    at least `at_least` (UPGMA: Sokal, Michener, 1958). So A and C that are nothing alike do not
    come together because B resembles both. Rows in the order of the matrix.
    """
    if not len(likeness):
        return []
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - a third of a second
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    # A mean reaches the threshold only where a pair does: each connected part stands for itself.
    pairs = csr_matrix(likeness >= at_least)
    count, part_of = connected_components(pairs, directed=False)
    order = np.argsort(part_of, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(part_of, minlength=count))[:-1])
    found = [
        [int(row) for row in part[members]]
        for part in parts
        for members in _linked(likeness[np.ix_(part, part)], at_least)
    ]
    return sorted(found)


def _linked(likeness: NDArray[np.float32], at_least: float) -> list[NDArray[np.int64]]:
    if len(likeness) == 1:
        return [np.zeros(1, dtype=np.int64)]
    # A quarter of a second of every start, for what few ask.
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    distances = 1.0 - np.minimum(likeness, likeness.T).astype(np.float64)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), method="average")
    # What is exactly at the threshold belongs together, whatever the rounding.
    labels = fcluster(tree, 1.0 - at_least + _ROUNDING, criterion="distance")
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def cohesion(likeness: NDArray[np.float32], members: list[int]) -> float:
    """The mean likeness of two members, 0 to 1; 1 for one alone."""
    count = len(members)
    if count == 1:
        return 1.0
    among = likeness[np.ix_(members, members)]
    return float((among.sum() - np.trace(among)) / (count * (count - 1)))


_ROUNDING = 1e-6
