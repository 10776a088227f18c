"""A view of a CI in names: what it stands on, or what stands on it, folded where it is large."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from cmdb.graph import EdgeKind, GraphSnapshot
from cmdb.graph_input import NONE, Indices
from cmdb.impact import State
from cmdb.impact_inventory import Inventory, Named, inventory_at
from cmdb.impact_schemas import CIName
from cmdb.inventory import NoSuchCIError
from cmdb.live_states import LiveStates
from cmdb.snapshots import GraphCache
from cmdb.view_folds import Fold, Places, fold
from cmdb.view_schemas import PlaceId, View, ViewCounts, ViewEdge, ViewFold, ViewNode
from cmdb.view_walk import Direction, Walk, kinds_and_groups, walk
from opsatlas.errors import ErrorItem, InvalidInputError, NotFoundError

FOLD = 10
"""Children of one class that are shown one by one unless it is said otherwise."""
UNFOLDED = 10_000
"""CIs of a view that is not folded, unless it is said otherwise."""

_STATES = tuple(state.name.lower() for state in State)
_KINDS: dict[EdgeKind, Any] = {kind: kind.name.lower() for kind in EdgeKind}


@dataclass(frozen=True, slots=True)
class ViewQuestion:
    """Which part of the graph is wanted, and how closely."""

    ci_id: int
    direction: Direction = "providers"
    depth: int | None = None
    fold: int = FOLD
    """Children of one class above which they are folded; 0: nothing is."""
    max_nodes: int | None = None
    as_of: datetime | None = None


def answer_view(
    session: Session,
    cache: GraphCache,
    live: LiveStates | None,
    question: ViewQuestion,
    *,
    max_nodes: int,
) -> View:
    """Everything that the CI stands on, or that stands on it.

    `live` holds the states of now; it is not looked at in a view of the past. `max_nodes` is the
    most that the question may ask for. Raises NoSuchCIError for a CI that the graph does not have,
    InvalidInputError for a question beyond the limits, FutureMomentError.
    """
    inventory = inventory_at(session, cache, question.as_of)
    return view_of(inventory, None if question.as_of else live, question, max_nodes)


def view_of(
    inventory: Inventory, live: LiveStates | None, question: ViewQuestion, max_nodes: int
) -> View:
    """The same from an inventory that is at hand, that of the question's moment."""
    started = time.perf_counter()
    most = _most(question, max_nodes)
    snapshot = inventory.graph.snapshot
    try:
        start = snapshot.index_of(question.ci_id)
    except NotFoundError as error:
        raise NoSuchCIError(error.detail, hint=error.hint) from error
    walked = walk(snapshot, start, question.direction, question.depth, most)
    seen = _Seen(inventory, walked, live)
    places = fold(walked, seen.class_numbers(), question.fold)
    told = _Told(inventory, question.direction, walked, seen, places)
    return View(
        ci=told.ci,
        direction=question.direction,
        nodes=told.nodes(),
        folded=[told.folded(each, number) for number, each in enumerate(places.folds)],
        edges=told.edges(),
        counts=seen.counts(),
        truncated=walked.truncated,
        as_of=inventory.at,
        graph_version=inventory.graph.revision,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


def _most(question: ViewQuestion, allowed: int) -> int:
    if question.max_nodes is None:
        return allowed if question.fold else min(allowed, UNFOLDED)
    if question.max_nodes > allowed:
        raise InvalidInputError(
            f"max_nodes must be 1 to {allowed:,}",
            hint="OPSATLAS_VIEW_MAX_NODES sets the largest",
            errors=[ErrorItem("/query/max_nodes", f"more than {allowed:,}", question.max_nodes)],
        )
    return question.max_nodes


class _Seen:
    """What is known of the CIs of a walk, by row."""

    def __init__(self, inventory: Inventory, walked: Walk, live: LiveStates | None) -> None:
        self._walked = walked
        self.ids = inventory.graph.snapshot.ids[walked.index]
        self._ids: list[int] = self.ids.tolist()
        self._named: Mapping[int, Named] = inventory.named(self._ids)
        self.states = None if live is None else _states(live, self.ids)
        self._classes = [self._named[each].ci_class for each in self._ids]

    def named(self, row: int) -> Named:
        """Who it is."""
        return self._named[self._ids[row]]

    def state(self, row: int) -> Any:
        """Its state in words; None in the past."""
        return None if self.states is None else _STATES[self.states[row]]

    def class_numbers(self) -> Indices:
        """A number for the class of each row."""
        numbers: dict[str, int] = {}
        return np.array(
            [numbers.setdefault(each, len(numbers)) for each in self._classes], np.int32
        )

    def states_of(self, rows: Indices | slice) -> dict[str, int] | None:
        """How many of these rows are in each state that is not operational, the worst first."""
        if self.states is None:
            return None
        counts = np.bincount(self.states[rows], minlength=len(State)).tolist()
        return {state.name.lower(): counts[state] for state in reversed(State)
                if state and counts[state]}  # fmt: skip

    def criticalities_of(self, rows: Indices) -> dict[str, int]:
        """How many of these rows have each criticality."""
        found = Counter(self.named(row).criticality for row in rows.tolist())
        return {str(each): found[each] for each in sorted(found.keys() - {None}, key=str)}

    def counts(self) -> ViewCounts:
        """Of everything that was reached."""
        return ViewCounts(
            configuration_items=len(self._ids),
            relationships=len(self._walked.position),
            by_class=dict(Counter(self._classes).most_common()),
            by_state=self.states_of(slice(None)),
        )


def _states(live: LiveStates, ids: NDArray[np.int64]) -> NDArray[np.int8]:
    found = np.zeros(len(ids), np.int8)
    if live.result is not None and len(live.result.ids):
        known = live.result.ids
        at = np.searchsorted(known, ids).clip(max=len(known) - 1)
        hit = known[at] == ids
        found[hit] = live.result.reached.state[at[hit]]
    return found


def _counted(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The different columns, in ascending order, and how often each is there."""
    order = np.lexsort(keys[::-1])
    keys = keys[:, order]
    first = np.ones(keys.shape[1], np.bool_)
    first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    starts = np.flatnonzero(first)
    return keys[:, starts], np.diff(starts, append=keys.shape[1])


class _Told:
    """Puts a view into names; what it does not show it does not ask names for."""

    def __init__(
        self,
        inventory: Inventory,
        direction: Direction,
        walked: Walk,
        seen: _Seen,
        places: Places,
    ) -> None:
        self._inventory = inventory
        self._snapshot: GraphSnapshot = inventory.graph.snapshot
        self._from_dependent = direction == "providers"
        self._walked, self._seen, self._places = walked, seen, places
        self._shown: list[int] = places.shown.tolist()

    @property
    def ci(self) -> CIName:
        first = self._seen.named(0)
        return CIName(id=first.id, name=first.name, ci_class=first.ci_class)

    def nodes(self) -> list[ViewNode]:
        """The CIs that are shown one by one."""
        found = [self._node(row) for row in self._shown]
        return sorted(found, key=lambda node: (node.distance, node.name.casefold(), node.id))

    def folded(self, each: Fold, number: int) -> ViewFold:
        """One fold."""
        rows = each.rows
        return ViewFold(
            id=f"fold-{number + 1}",
            ci_class=self._seen.named(int(rows[0])).ci_class,
            count=len(rows),
            kind=each.kind,
            below=self._id_of(each.below),
            distance=int(self._walked.distance[rows[0]]),
            states=self._seen.states_of(rows),
            criticalities=self._seen.criticalities_of(rows),
        )

    def edges(self) -> list[ViewEdge]:
        """Relationships between shown CIs, then those of folds, added up."""
        near = self._places.place[self._walked.near]
        far = self._places.place[self._walked.far]
        position = self._walked.position
        kind, group = kinds_and_groups(self._snapshot, position)
        ends = np.stack([near, far] if self._from_dependent else [far, near])
        single = ends.max(axis=0, initial=0) < len(self._shown)
        relationships = self._snapshot.relationship[position[single]].tolist()
        types = self._inventory.types(relationships)
        # The members of a group are told of the one dependent that it has, not of a fold.
        group[ends[0] >= len(self._shown)] = NONE
        keys = np.stack([*ends, kind, group])
        sums, counts = _counted(keys[:, ~single & (ends[0] != ends[1])])
        names = self._group_names(sorted({*group[single].tolist(), *sums[3].tolist()} - {NONE}))
        found = [
            self._edge(key, names, 1, each, types[each])
            for key, each in zip(keys[:, single].T.tolist(), relationships, strict=True)
        ]
        return found + [
            self._edge(key, names, count)
            for key, count in zip(sums.T.tolist(), counts.tolist(), strict=True)
        ]

    def _edge(
        self,
        key: Sequence[int],
        names: Mapping[int, str],
        count: int,
        relationship: int | None = None,
        type_: str | None = None,
    ) -> ViewEdge:
        dependent, provider, kind, group = key
        in_group = group != NONE
        return ViewEdge(
            dependent=self._id_of(dependent),
            provider=self._id_of(provider),
            relationship_id=relationship,
            type=type_,
            kind=_KINDS[EdgeKind(kind)],
            group=names[group] if in_group else None,
            members=int(self._snapshot.groups.size[group]) if in_group else None,
            min_up=int(self._snapshot.groups.needed[group]) if in_group else None,
            count=count,
        )

    def _group_names(self, groups: Sequence[int]) -> dict[int, str]:
        ids = [int(self._snapshot.group_id[group]) for group in groups]
        names = self._inventory.group_names(ids)
        return {group: names[each] for group, each in zip(groups, ids, strict=True)}

    def _node(self, row: int) -> ViewNode:
        named = self._seen.named(row)
        parent = int(self._walked.parent[row])
        return ViewNode(
            id=named.id,
            name=named.name,
            ci_class=named.ci_class,
            criticality=named.criticality,
            state=self._seen.state(row),
            distance=int(self._walked.distance[row]),
            below=None if parent < 0 else self._seen.named(parent).id,
            beyond=int(self._walked.beyond[row]),
        )

    def _id_of(self, place: int) -> PlaceId:
        if place < len(self._shown):
            return self._seen.named(self._shown[place]).id
        return f"fold-{place - len(self._shown) + 1}"
