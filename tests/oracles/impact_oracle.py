"""The state table of docs/impact.md, written down as slowly and plainly as it can be.

Nothing here knows the engine: dicts, a loop until nothing changes, and a checker that looks at one
step of an explanation the way a person would, with the raw relationships on the desk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, inf

OPERATIONAL, AT_RISK, DEGRADED, DOWN = range(4)


@dataclass(frozen=True)
class Relationship:
    id: int
    dependent: int
    provider: int
    optional: bool = False
    group: int | None = None


@dataclass(frozen=True)
class Group:
    id: int
    dependent: int
    count: int | None = None
    percent: int | None = None


@dataclass(frozen=True)
class Landscape:
    """A whole input: CIs, relationships, groups. CIs that are not listed are retired."""

    cis: frozenset[int]
    relationships: tuple[Relationship, ...]
    groups: tuple[Group, ...] = ()

    def present(self) -> list[Relationship]:
        return [
            r
            for r in self.relationships
            if r.dependent in self.cis and r.provider in self.cis and r.dependent != r.provider
        ]

    def members(self, group: Group) -> set[int]:
        return {r.provider for r in self.present() if r.group == group.id}

    def min_up(self, group: Group) -> int:
        size = len(self.members(group))
        if group.count is not None:
            wanted = group.count
        else:
            assert group.percent is not None
            wanted = ceil(Fraction(group.percent, 100) * size)
        return max(1, min(wanted, size))

    def groups_in_effect(self) -> list[tuple[Group, set[int], int]]:
        """With members and min_up; a group that has lost all its members means nothing."""
        groups = [(g, self.members(g), self.min_up(g)) for g in self.groups]
        return [group for group in groups if group[1]]


def states(
    landscape: Landscape, failed: Iterable[int], degraded: Iterable[int] = ()
) -> dict[int, int]:
    """The state of every CI, by raising states until the table has nothing more to say."""
    state = dict.fromkeys(landscape.cis, OPERATIONAL)
    for ci in degraded:
        state[ci] = DEGRADED
    for ci in failed:
        state[ci] = DOWN
    plain = [r for r in landscape.present() if r.group is None]
    groups = landscape.groups_in_effect()
    changed = True
    while changed:
        before = dict(state)
        for r in plain:
            provider = state[r.provider]
            if r.optional:
                effect = DEGRADED if provider == DOWN else OPERATIONAL
            else:
                effect = provider if provider in (DEGRADED, DOWN) else OPERATIONAL
            state[r.dependent] = max(state[r.dependent], effect)
        for group, members, min_up in groups:
            if any(state[m] >= DEGRADED for m in members):
                up = sum(1 for m in members if state[m] != DOWN)
                effect = AT_RISK if up >= min_up else DOWN
                state[group.dependent] = max(state[group.dependent], effect)
        changed = state != before
    return state


def distances(
    landscape: Landscape, failed: Iterable[int], degraded: Iterable[int] = ()
) -> dict[int, int]:
    """For each affected CI the length of the shortest chain of final states that explains it."""
    failed, degraded = set(failed), set(degraded)
    state = states(landscape, failed, degraded)
    begun = failed | {ci for ci in degraded if state[ci] == DEGRADED}
    far: dict[int, float] = {ci: 0 if ci in begun else inf for ci in landscape.cis}
    plain = [r for r in landscape.present() if r.group is None]
    groups = landscape.groups_in_effect()
    changed = True
    while changed:
        before = dict(far)
        for r in plain:
            whole_rule = {DOWN: DOWN, DEGRADED: DEGRADED}.get(state[r.provider])
            soft_rule = {DOWN: DEGRADED}.get(state[r.provider])
            if state[r.dependent] == (soft_rule if r.optional else whole_rule):
                far[r.dependent] = min(far[r.dependent], far[r.provider] + 1)
        for group, members, min_up in groups:
            target = group.dependent
            if state[target] == AT_RISK:
                near = [far[m] for m in members if state[m] >= DEGRADED]
                far[target] = min([far[target], *(d + 1 for d in near)])
            elif state[target] == DOWN:
                down = sorted(far[m] for m in members if state[m] == DOWN)
                spare = len(members) - min_up
                if len(down) > spare:
                    far[target] = min(far[target], down[spare] + 1)
        changed = far != before
    return {ci: int(d) for ci, d in far.items() if d != inf}


@dataclass(frozen=True)
class ClaimedStep:
    """One step of an explanation, as the engine tells it."""

    ci: int
    state: int
    kind: str
    provider: int | None = None
    relationship: int | None = None
    group: int | None = None
    members: int | None = None
    up: int | None = None
    min_up: int | None = None


def check_path(
    landscape: Landscape,
    failed: Iterable[int],
    path: Sequence[ClaimedStep],
    degraded: Iterable[int] = (),
) -> None:
    """Fails (AssertionError) at the first step that the raw relationships do not bear out."""
    failed, degraded = set(failed), set(degraded)
    state = states(landscape, failed, degraded)
    by_id = {r.id: r for r in landscape.present()}
    first = path[0]
    assert first.ci in failed | degraded, "a path begins at a failed CI"
    assert (first.kind, first.provider) == ("failed", None)
    assert first.state == (DOWN if first.ci in failed else DEGRADED) == state[first.ci]
    for before, step in pairwise(path):
        assert step.ci not in failed, "a failed CI needs no other cause"
        assert step.state == state[step.ci], "each step shows the final state"
        assert step.provider == before.ci, "each step names the one before it"
        assert step.relationship is not None
        edge = by_id[step.relationship]
        assert (edge.dependent, edge.provider) == (step.ci, before.ci)
        if step.kind == "redundancy":
            _check_group(landscape, state, edge, step)
        else:
            assert edge.group is None
            assert edge.optional == (step.kind == "optional")
            explained = DEGRADED if edge.optional else state[before.ci]
            assert step.state == explained
            assert state[before.ci] == DOWN if edge.optional else state[before.ci] >= DEGRADED


def _check_group(
    landscape: Landscape, state: dict[int, int], edge: Relationship, step: ClaimedStep
) -> None:
    group = next(g for g in landscape.groups if g.id == edge.group)
    members = landscape.members(group)
    up = sum(1 for m in members if state[m] != DOWN)
    assert step.group == group.id
    assert (step.members, step.up, step.min_up) == (len(members), up, landscape.min_up(group))
    if step.state == DOWN:
        assert up < landscape.min_up(group)
        assert state[edge.provider] == DOWN
    else:
        assert step.state == AT_RISK
        assert up >= landscape.min_up(group)
        assert state[edge.provider] >= DEGRADED
