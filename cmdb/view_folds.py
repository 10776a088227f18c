"""Which CIs of a view are shown one by one, and which are folded into one by their class.

Everything that was reached is either shown or in exactly one fold, so counts add up. Three kinds of
folds keep a view readable, whatever its size:

- `children`: more CIs of one class directly beneath a CI than are wanted one by one;
- `beneath`: what stands behind the members of such a fold, by class;
- `further`: by class, everything on the levels for which there is no room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import Indices
from cmdb.view_walk import Walk

FoldKind = Literal["children", "beneath", "further"]

ROOM = 500
"""CIs and folds above which no further level is shown. The first level always is."""
LEVELS = 20
"""Levels that are shown at most, else a chain would not fit on any screen."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """CIs of one class that are shown as one."""

    kind: FoldKind
    below: int
    """The place under which it is shown."""
    rows: Indices
    """The rows of its CIs in the walk, ascending."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where each CI of a walk is shown. A place is a shown CI or, after all of these, a fold."""

    shown: Indices
    """Rows of the CIs that are shown one by one, ascending; a place is the number in this list."""
    folds: Sequence[Fold]
    place: Indices
    """(m,) the place of each row."""


def fold(walked: Walk, classes: Indices, most: int) -> Places:
    """Fold where a CI has more than `most` children of one class; 0 shows everything.

    `classes` holds a number for the class of each row.
    """
    size = len(walked.index)
    if not most:
        every = np.arange(size, dtype=np.int32)
        return Places(every, (), every)
    shown = np.zeros(size, np.bool_)
    shown[0] = True
    bundle = np.full(size, -1, np.int64)
    """The fold of each row that is not shown, in the order in which they were found."""
    tops: list[tuple[int, Indices]] = []
    starts = np.flatnonzero(np.diff(walked.distance, prepend=-1)).tolist()
    levels = list(zip(starts, [*starts[1:], size], strict=True))[1:]
    taken, level = 1, 0
    for level, (start, end) in enumerate(levels):
        rows = np.arange(start, end, dtype=np.int32)
        rows = rows[shown[walked.parent[rows]]]
        singles, bundles = _split(rows, walked.parent[rows], classes[rows], most)
        taken += len(singles) + len(bundles)
        if not len(rows) or (level and (taken > ROOM or level >= LEVELS)):
            break
        shown[singles] = True
        for parent, members in bundles:
            bundle[members] = len(tops)
            tops.append((parent, members))
    else:
        level = len(levels)
    behind = _behind(walked, shown, bundle, levels[level:] if levels else [])
    # What stands behind the members of folds on the levels that are shown.
    return _placed(walked, classes, shown, tops, behind)


def _split(
    rows: Indices, parents: Indices, classes: Indices, most: int
) -> tuple[Indices, list[tuple[int, Indices]]]:
    """The children of shown CIs: those that stay single, and by parent and class the others."""
    if not len(rows):
        return rows, []
    key = parents.astype(np.int64) * (int(classes.max()) + 1) + classes
    _, kind, count = np.unique(key, return_inverse=True, return_counts=True)
    many = count[kind] > most
    order = np.argsort(kind[many], kind="stable")
    folded = rows[many][order]
    cuts = np.flatnonzero(np.diff(kind[many][order])) + 1
    parts = np.split(folded, cuts) if len(folded) else []
    of_parent = dict(zip(rows.tolist(), parents.tolist(), strict=True))
    return rows[~many], [(of_parent[int(part[0])], part) for part in parts]
