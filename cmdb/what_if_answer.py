"""What a supposition would change: the affected CIs before, after, and the difference in names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from cmdb import priority
from cmdb.explanation_schemas import AnyState
from cmdb.graph import Ids
from cmdb.impact import ImpactResult, State, Step, analyse
from cmdb.impact_findings import STATE_NAMES
from cmdb.impact_inventory import Inventory, Named
from cmdb.impact_schemas import CIName, Counts, PriorityAnswer
from cmdb.named_paths import Names, names_of_paths
from cmdb.priority import PriorityMatrix, Urgency
from cmdb.propagation import Reached
from cmdb.references import CIReference, UnresolvedCIError
from cmdb.snapshots import DependencyGraph
from cmdb.what_if import Supposed, suppose
from cmdb.what_if_relationships import SupposedWords, supposed_relationships
from cmdb.what_if_schemas import (
    ChangedCounts,
    ChangedService,
    Difference,
    Situation,
    WhatIf,
    WhatIfAnswer,
)
from opsatlas.errors import ErrorItem, InvalidInputError

_UNSAID = 5
"""Where a service without a criticality stands in the order: after the least critical."""


class ContradictoryWhatIfError(InvalidInputError):
    """A supposition that cannot be: to restore what has not failed, to change the past."""

    code = "contradictory_what_if"


@dataclass(frozen=True, slots=True)
class Rated:
    """How a situation becomes a priority."""

    urgency: Urgency
    matrix: PriorityMatrix


def answer_what_if(
    session: Session,
    inventory: Inventory,
    before: ImpactResult,
    what_if: WhatIf,
    rated: Rated,
    max_depth: int | None,
) -> WhatIfAnswer:
    """What would change against `before`, whose failed CIs and graph are as they are.

    Raises UnresolvedCIError, ContradictoryWhatIfError and what `supposed_relationships` raises.
    """
    failed = failed_of(before)
    then = _failed_then(inventory, failed, what_if)
    graph = inventory.graph
    words = _words(session, graph, inventory, what_if)
    snapshot = suppose(graph.snapshot, words.supposed)
    after = analyse(snapshot, then, max_depth)
    naming = _SupposedNaming(inventory, words)
    change = _Change.between(before.reached, after.reached, snapshot.ids)
    services = graph.services_among(change.ids).tolist()
    affected = [graph.services_among(each.ids).tolist() for each in (before, after)]
    paths = {each: after.path(each) for each in services if change.after(each)}
    more = [*failed, *then, *services, *affected[0], *affected[1]]
    names = names_of_paths(naming, paths.values(), more)
    found = [_changed_service(names, each, change, paths.get(each)) for each in services]
    worse = [each for each in found if _rank(each.after) > _rank(each.before)]
    better = [each for each in found if _rank(each.after) < _rank(each.before)]
    return WhatIfAnswer(
        before=_situation(failed, before, affected[0], names, rated),
        after=_situation(then, after, affected[1], names, rated),
        difference=Difference(
            services=[*sorted(worse, key=_worst_first), *sorted(better, key=_worst_first)],
            worse=ChangedCounts(services=len(worse), configuration_items=change.worse),
            better=ChangedCounts(services=len(better), configuration_items=change.better),
        ),
    )


def failed_of(result: ImpactResult) -> list[int]:
    """The CIs that failed, ascending."""
    return [int(each) for each in result.snapshot.ids[result.whole.index[result.whole.cause < 0]]]


@dataclass(frozen=True, slots=True)
class _Change:
    """The CIs whose state differs, by id: ascending, with their states before and after."""

    ids: Ids
    _states: dict[int, tuple[int, int]]
    worse: int
    better: int

    @classmethod
    def between(cls, before: Reached, after: Reached, ids: Ids) -> _Change:
        """Both are of graphs with the same CIs."""
        index = np.union1d(before.index, after.index)
        was, will = _states_at(before, index), _states_at(after, index)
        differs = was != will
        found = ids[index[differs]]
        pairs = zip(was[differs].tolist(), will[differs].tolist(), strict=True)
        states = dict(zip(found.tolist(), pairs, strict=True))
        return cls(found, states, int(np.sum(will > was)), int(np.sum(will < was)))

    def before(self, ci_id: int) -> State:
        return State(self._states[ci_id][0])

    def after(self, ci_id: int) -> State:
        return State(self._states[ci_id][1])


def _states_at(reached: Reached, index: Any) -> Any:
    states = np.zeros(len(index), np.int8)
    states[np.searchsorted(index, reached.index)] = reached.state
    return states


class _SupposedNaming:
    """Names of the inventory, and of what is only supposed."""

    def __init__(self, inventory: Inventory, words: SupposedWords) -> None:
        self._inventory = inventory
        self._words = words

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        return self._inventory.named(ids)

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        known = self._words.types
        return self._inventory.types(set(ids) - set(known)) | known

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        known = self._words.groups
        return self._inventory.group_names(set(ids) - set(known)) | known


def _failed_then(inventory: Inventory, failed: Sequence[int], what_if: WhatIf) -> list[int]:
    more = _resolved(inventory, what_if.fail, "/what_if/fail")
    back = _resolved(inventory, what_if.restore, "/what_if/restore")
    errors = [
        ErrorItem(
            f"/what_if/restore/{position}",
            "only a failed CI can be restored, and this one is not among `failed`"
            if ci_id not in failed
            else "the same CI is to fail and to be restored",
            hint="name it in `failed`" if ci_id not in failed else "say one of the two",
        )
        for position, ci_id in enumerate(back)
        if ci_id not in failed or ci_id in more
    ]
    if errors:
        raise ContradictoryWhatIfError(errors[0].detail, hint=errors[0].hint, errors=errors)
    return sorted({*failed, *more} - set(back))


def _resolved(inventory: Inventory, references: Sequence[CIReference], at: str) -> list[int]:
    try:
        return inventory.resolve(references)
    except UnresolvedCIError as error:
        error.errors = tuple(
            replace(item, pointer=at + item.pointer.removeprefix("/failed"))
            for item in error.errors
        )
        raise


def _words(
    session: Session, graph: DependencyGraph, inventory: Inventory, what_if: WhatIf
) -> SupposedWords:
    if not what_if.remove_relationships and not what_if.add_relationships:
        return SupposedWords(Supposed())
    if inventory.at is not None:
        message = "relationships can be supposed of the graph of now alone"
        items = [ErrorItem("/as_of", message, hint="leave as_of out, or suppose failures only")]
        raise ContradictoryWhatIfError(message, hint=items[0].hint, errors=items)
    return supposed_relationships(session, graph.snapshot, what_if)


def _situation(
    failed: Sequence[int],
    result: ImpactResult,
    services: Sequence[int],
    names: Names,
    rated: Rated,
) -> Situation:
    counts = result.counts()
    found = priority.assess(
        [
            priority.AffectedService(
                names.cis[each].name, result.state_of(each), names.cis[each].criticality
            )
            for each in services
        ],
        rated.urgency,
        rated.matrix,
    )
    return Situation(
        failed=[names.ci(each) for each in failed],
        counts=Counts(
            down=counts[State.DOWN],
            degraded=counts[State.DEGRADED],
            at_risk=counts[State.AT_RISK],
            services=len(services),
        ),
        priority=PriorityAnswer(
            impact=found.impact.value,
            urgency=found.urgency.value,
            priority=found.priority,
            label=found.priority.label,
            reason=found.reason,
        ),
    )


def _changed_service(
    names: Names, ci_id: int, change: _Change, path: Sequence[Step] | None
) -> ChangedService:
    row = names.cis[ci_id]
    return ChangedService(
        **CIName(id=row.id, name=row.name, ci_class=row.ci_class).model_dump(),
        before=_named(change.before(ci_id)),
        after=_named(change.after(ci_id)),
        criticality=row.criticality,
        owner=row.owner,
        support_group=row.support_group,
        distance=None if path is None else len(path) - 1,
        path=[] if path is None else names.path(path),
    )


def _named(state: State) -> AnyState:
    return STATE_NAMES.get(state, "operational")


_RANKS = {name: int(state) for state, name in STATE_NAMES.items()}


def _rank(state: AnyState) -> int:
    return _RANKS[state] if state != "operational" else 0


def _worst_first(service: ChangedService) -> tuple[int, int, int, str]:
    criticality = service.criticality or _UNSAID
    return -_rank(service.after), criticality, service.distance or 0, service.name
