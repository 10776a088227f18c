"""Why, in full: the least set of facts from which the states of CIs follow, and nothing beside.

A fact is that a CI failed, or a relationship: required, optional, or the membership in a redundancy
group of which it is known how many members it has and needs. Each CI rests on one rule, a CI's rule
rests on providers that were reached earlier, and a group that is down rests on no more members than
it takes to break it. So no fact can be left out: whatever rested on it would be better off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from cmdb.impact import Cause, CauseKind, ImpactResult, State
from opsatlas.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Support:
    """A relationship that a state rests on."""

    relationship_id: int
    provider_id: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A CI in its final state, the rule that put it there, and what that rests on."""

    ci_id: int
    state: State
    cause: Cause
    rests_on: tuple[Support, ...]
    """Nothing for a failed CI, one relationship for a required or optional one or a group that is
    at risk; for a group that is down so many members as break it: its size - min_up + 1."""


def explain(result: ImpactResult, ci_ids: Iterable[int]) -> list[Explained]:
    """The facts that put these CIs into their states, each CI once, providers before dependents.

    What one CI's state follows from are the entries that its `rests_on` leads to; its shortest
    path is among them. Raises NotFoundError for a CI that is not affected.
    """
    explained: dict[int, Explained] = {}
    waiting = sorted(set(ci_ids), reverse=True)
    while waiting:
        ci_id = waiting[-1]
        if ci_id in explained:
            waiting.pop()
            continue
        entry = _entry(result, ci_id)
        missing = [each.provider_id for each in entry.rests_on if each.provider_id not in explained]
        if missing:
            waiting += reversed(missing)
        else:
            explained[ci_id] = entry
            waiting.pop()
    return list(explained.values())


def _entry(result: ImpactResult, ci_id: int) -> Explained:
    cause = result.cause_of(ci_id)
    state = result.state_of(ci_id)
    if cause.provider_id is None or cause.relationship_id is None:
        return Explained(ci_id, state, cause, ())
    if cause.kind != CauseKind.REDUNDANCY or state != State.DOWN:
        return Explained(ci_id, state, cause, (Support(cause.relationship_id, cause.provider_id),))
    return Explained(ci_id, state, cause, _breaking_members(result, ci_id, cause))


def _breaking_members(result: ImpactResult, ci_id: int, cause: Cause) -> tuple[Support, ...]:
    """As few members as break the group: those reached first, the one that tipped it among them."""
    snapshot = result.snapshot
    down: list[tuple[int, bool, int, Support]] = []
    for position in snapshot.edges_to_providers(snapshot.index_of(ci_id)).tolist():
        group = snapshot.group_at(position)
        if group < 0 or int(snapshot.group_id[group]) != cause.group_id:
            continue
        provider = snapshot.provider_of(position)
        distance = _distance_if_down(result, provider)
        if distance is not None:
            support = Support(int(snapshot.relationship[position]), int(snapshot.ids[provider]))
            is_other = support.provider_id != cause.provider_id
            down.append((distance, is_other, position, support))
    needed = (cause.members or 0) - (cause.min_up or 0) + 1
    chosen = sorted(down, key=lambda each: each[:3])[:needed]
    return tuple(support for _distance, _other, _position, support in chosen)


def _distance_if_down(result: ImpactResult, index: int) -> int | None:
    reached = result.reached
    row = bisect_left(reached.index.data, index)
    if row == len(reached.index) or reached.index[row] != index:
        return None
    return int(reached.distance[row]) if reached.state[row] == State.DOWN else None


def is_affected(result: ImpactResult, ci_id: int) -> bool:
    """Whether a failure reached this CI; also False for one that is not in the graph."""
    try:
        return result.state_of(ci_id) != State.OPERATIONAL
    except NotFoundError:
        return False
