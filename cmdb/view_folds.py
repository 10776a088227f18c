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
from itertools import pairwise
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
    starts = (np.flatnonzero(np.diff(walked.distance)) + 1).tolist()
    levels = list(pairwise([*starts, size]))
    shown = np.zeros(size, np.bool_)
    shown[0] = True
    children: list[tuple[int, Indices]] = []
    taken = 1
    for level, (start, end) in enumerate(levels):
        rows = np.arange(start, end, dtype=np.int32)
        rows = rows[shown[walked.parent[rows]]]
        singles, folded = _split(rows, walked.parent[rows], classes[rows], most)
        taken += len(singles) + len(folded)
        if level and (taken > ROOM or level >= LEVELS):
            break
        shown[singles] = True
        children += folded
    return _placed(walked, classes, shown, children, levels)


def _split(
    rows: Indices, parents: Indices, classes: Indices, most: int
) -> tuple[Indices, list[tuple[int, Indices]]]:
    """Children of shown CIs: those that are shown too, and the others by parent and class."""
    groups = _grouped(rows, parents.astype(np.int64) * (int(classes.max(initial=0)) + 1) + classes)
    parent_of = dict(zip(rows.tolist(), parents.tolist(), strict=True))
    folded = [(parent_of[int(group[0])], group) for group in groups if len(group) > most]
    singles = np.setdiff1d(rows, np.concatenate([rows[:0], *(group for _, group in folded)]))
    return singles, folded


def _placed(
    walked: Walk,
    classes: Indices,
    shown: NDArray[np.bool_],
    children: list[tuple[int, Indices]],
    levels: list[tuple[int, int]],
) -> Places:
    further = len(children)
    under = np.full(len(shown), -1, np.int64)
    for number, (_, members) in enumerate(children):
        under[members] = number
    is_child = under >= 0
    for start, end in levels:
        rows = np.arange(start, end)[~shown[start:end] & ~is_child[start:end]]
        above = under[walked.parent[rows]]
        under[rows] = np.where(above >= 0, above, further)
    one_by_one = np.flatnonzero(shown).astype(np.int32)
    place = np.searchsorted(one_by_one, np.arange(len(shown))).astype(np.int32)
    folds = [Fold("children", int(place[parent]), members) for parent, members in children]
    rest = np.flatnonzero(~shown & ~is_child).astype(np.int32)
    for members in _grouped(rest, under[rest] * (int(classes.max()) + 1) + classes[rest]):
        number = int(under[members[0]])
        last = number == further
        below = 0 if last else len(one_by_one) + number
        folds.append(Fold("further" if last else "beneath", below, members))
    for number, each in enumerate(folds):
        place[each.rows] = len(one_by_one) + number
    return Places(one_by_one, folds, place)


def _grouped(rows: Indices, key: NDArray[np.int64]) -> list[Indices]:
    """Rows (ascending) by key, the group with the least row first."""
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    groups = np.split(rows[order], cuts) if len(rows) else []
    return sorted(groups, key=lambda group: int(group[0]))
