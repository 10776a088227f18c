"""What a failing CI takes down directly: over what is required, past every redundancy group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cmdb.graph import EdgeKind
from cmdb.impact import Cause, CauseKind, ImpactResult, State, Step
from cmdb.whole_graph import Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class DirectWays:
    """The ways from one CI to all that is down without it even if every group held.

    `needed` leads from providers to the dependents that are down without them; `result` is what
    failing the CI at index `start` does.
    """

    def __init__(self, needed: csr_array, start: int, result: ImpactResult) -> None:
        from scipy.sparse.csgraph import breadth_first_order  # noqa: PLC0415 - a third of a second

        self._snapshot = result.snapshot
        self._result = result
        order, before = breadth_first_order(needed, start)
        self._before = before
        self.reached: Mask = np.zeros(len(before), np.bool_)
        """(n,) what goes down directly, the CI itself included."""
        self.reached[order] = True

    def path(self, index: int) -> list[Step]:
        """A shortest way to a CI that is reached, as `ImpactResult.path` tells it."""
        steps = []
        while (provider := int(self._before[index])) >= 0:
            steps.append(self._step(provider, index))
            index = provider
        failed = Step(int(self._snapshot.ids[index]), State.DOWN, Cause(CauseKind.FAILED))
        return [failed, *reversed(steps)]

    def _step(self, provider: int, dependent: int) -> Step:
        snapshot = self._snapshot
        positions = snapshot.edges_to_dependents(provider)
        positions = positions[snapshot.dependent[positions] == dependent]
        position = next(each for each in positions.tolist() if self._is_needed(each))
        ci_id = int(snapshot.ids[dependent])
        return Step(ci_id, State.DOWN, self._cause(position, int(snapshot.ids[provider])))

    def _is_needed(self, position: int) -> bool:
        kind = self._snapshot.kind_of(position)
        if kind != EdgeKind.REDUNDANCY:
            return kind == EdgeKind.REQUIRED
        group = self._snapshot.group_at(position)
        return bool(self._snapshot.groups.size[group] == self._snapshot.groups.needed[group])

    def _cause(self, position: int, provider: int) -> Cause:
        snapshot = self._snapshot
        relationship = int(snapshot.relationship[position])
        if snapshot.kind_of(position) == EdgeKind.REQUIRED:
            return Cause(CauseKind.REQUIRED, provider, relationship)
        group = snapshot.group_at(position)
        members = snapshot.ids[snapshot.members_of(group)].tolist()
        return Cause(
            CauseKind.REDUNDANCY,
            provider,
            relationship,
            group_id=int(snapshot.group_id[group]),
            members=len(members),
            up=sum(self._result.state_of(each) != State.DOWN for each in members),
            min_up=int(snapshot.group_needed[group]),
        )
