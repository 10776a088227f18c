"""Changes that break together what none of them breaks alone.

A change is taken to keep its CIs down while it lasts. A conflict is a least set of changes under
way together: with all of them a CI gets into a state that no change of that time gives it alone and
that it would not reach without any one of them. Only a CI that is worse off with all the changes of
a time than with each of them alone can have such sets. Its explanation names changes that suffice,
and leaving out one after the other finds the least sets (a hitting-set tree, Reiter 1987).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmdb.explanation import explain
from cmdb.graph import EdgeKind, GraphSnapshot, Ids
from cmdb.impact import ImpactResult, State, analyse

Changes = frozenset[int]
"""Places in the list of changes."""

MOST_TARGETS = 2_000
"""CIs that are looked at for conflicts, of those that are worse off together."""


class TooManyCombinationsError(Exception):
    """The analyses that a search may cost are spent."""


@dataclass(slots=True)
class Together:
    """The states while sets of changes are under way, each set analysed once."""

    snapshot: GraphSnapshot
    cis: Sequence[frozenset[int]]
    """Of each change the CIs that it keeps down, all of them in the snapshot."""
    most: int
    """Sets that may be analysed."""
    _known: dict[Changes, ImpactResult] = field(default_factory=dict)

    def of(self, changes: Changes) -> ImpactResult:
        """What is affected by these changes together. Raises TooManyCombinationsError."""
        found = self._known.get(changes)
        if found is None:
            if len(self._known) >= self.most:
                raise TooManyCombinationsError
            failed = frozenset[int]().union(*(self.cis[change] for change in changes))
            found = self._known[changes] = analyse(self.snapshot, failed)
        return found


@dataclass(frozen=True, slots=True)
class Conflict:
    """A least set of changes, and the CIs with the states that only all of them together give."""

    changes: Changes
    states: dict[int, State]


def find_conflicts(
    together: Together, under_way: Iterable[Changes], services: Ids
) -> tuple[list[Conflict], bool]:
    """The conflicts among changes that are under way together, and whether these are all.

    Looked at are `services` (ids) and CIs whose own redundancy group is hit.
    """
    found: dict[Changes, dict[int, State]] = {}
    whole = True
    try:
        for changes in sorted(set(under_way), key=sorted):
            targets = _worse_together(together, changes, services)
            whole = whole and len(targets) <= MOST_TARGETS
            for ci_id, alone, state in targets[:MOST_TARGETS]:
                for level in State:
                    if alone < level <= state:
                        for least in _least_sets(together, changes, ci_id, level):
                            states = found.setdefault(least, {})
                            states[ci_id] = together.of(least).state_of(ci_id)
    except TooManyCombinationsError:
        whole = False
    conflicts = [Conflict(changes, states) for changes, states in found.items()]
    return conflicts, whole


def _worse_together(
    together: Together, changes: Changes, services: Ids
) -> list[tuple[int, State, State]]:
    """(CI, the worst state that one change alone gives it, its state with all), worst first."""
    if len(changes) == 1:
        return []
    reached = together.of(changes).reached
    alone = np.zeros(len(reached.index), np.int8)
    for change in changes:
        one = together.of(frozenset({change})).reached
        places = np.searchsorted(reached.index, one.index)  # all there: more never improves a state
        alone[places] = np.maximum(alone[places], one.state)
    snapshot = together.snapshot
    rows = np.flatnonzero(reached.state > alone)
    ids = snapshot.ids[reached.index[rows]]
    watched = np.isin(ids, services)
    causes = reached.cause[rows].tolist()
    in_group = [snapshot.kind_of(cause) == EdgeKind.REDUNDANCY for cause in causes]
    targets = [
        (int(ci_id), State(int(alone[row])), State(int(reached.state[row])))
        for ci_id, row, watch, group in zip(ids, rows, watched, in_group, strict=True)
        if watch or group
    ]
    return sorted(targets, key=lambda each: (-each[2], each[0]))


def _least_sets(
    together: Together, changes: Changes, ci_id: int, level: State
) -> Iterable[Changes]:
    """All least sets of these changes with which a CI gets into a state at least as bad."""

    def breaks(some: Changes) -> bool:
        return together.of(some).state_of(ci_id) >= level

    found: list[Changes] = []
    seen = {changes}
    waiting = [changes]
    while waiting:
        among = waiting.pop()
        least = next((each for each in found if each <= among), None)
        if least is None:
            if not breaks(among):
                continue
            least = _shrunk(that_matter(together, among, ci_id), breaks)
            found.append(least)
        for change in sorted(least):
            without = among - {change}
            if without and without not in seen:
                seen.add(without)
                waiting.append(without)
    return found


def that_matter(together: Together, changes: Changes, ci_id: int) -> Changes:
    """Changes that suffice for the state of a CI: one for each failed CI that explains it."""
    entries = explain(together.of(changes), [ci_id])
    failed = [each.ci_id for each in entries if not each.rests_on]
    return frozenset(
        next(change for change in sorted(changes) if each in together.cis[change])
        for each in failed
    )


def _shrunk(changes: Changes, breaks: Callable[[Changes], bool]) -> Changes:
    for change in sorted(changes):
        fewer = changes - {change}
        if fewer and breaks(fewer):
            changes = fewer
    return changes
