"""What planned changes do together: who loses redundancy, is degraded or down, and when."""

import time
from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from cmdb.impact import ImpactResult, State
from cmdb.impact_findings import STATE_NAMES
from cmdb.impact_inventory import Present
from cmdb.impact_schemas import StateName
from cmdb.named_paths import Names, names_of_paths
from cmdb.propagation import NOBODY
from cmdb.snapshots import DependencyGraph, GraphCache
from kb.change_assessment_schemas import (
    AffectedThen,
    AssessedChange,
    AssessedConflict,
    AssessedInterval,
    AssessedService,
    Assessment,
    AssessmentQuestion,
    BrokenGroup,
    HitService,
    Notice,
    Period,
    Span,
)
from kb.change_conflicts import Changes, Conflict, Together, find_conflicts, that_matter
from kb.change_gathering import Gathered, gather
from kb.change_windows import Interval, Window, intervals
from opsatlas.clock import now

_UNSAID = 5
"""Where a service without a criticality stands in the order: after the least critical."""


def assess_changes(
    session: Session,
    cache: GraphCache,
    question: AssessmentQuestion,
    *,
    max_changes: int,
    max_analyses: int,
) -> Assessment:
    """What the changes of a question do alone and together, interval by interval.

    A change is taken to keep its CIs down while it lasts; nothing else is failed. Raises what
    `gather` raises.
    """
    started = time.perf_counter()
    inventory = Present(session, cache)
    graph = inventory.graph
    gathered = gather(session, graph.snapshot, question, most=max_changes)
    stretches = intervals([each.window for each in gathered.changes])
    cis = [each.cis for each in gathered.changes]
    # The intervals are always told; what the search for conflicts may cost comes on top.
    needed = len(cis) + len({each.changes for each in stretches})
    together = Together(graph.snapshot, cis, most=needed + max_analyses)
    alone = [together.of(frozenset({place})) for place in range(len(cis))]
    results = [together.of(each.changes) for each in stretches]
    under_way = [each.changes for each in stretches]
    conflicts, whole = find_conflicts(together, under_way, graph.service_ids)
    telling = _Telling(inventory, graph, gathered, together, stretches, conflicts)
    return Assessment(
        window=_span(gathered.window),
        changes=telling.changes(alone),
        intervals=[
            telling.interval(stretch, result)
            for stretch, result in zip(stretches, results, strict=True)
        ],
        services=telling.services(),
        conflicts=telling.conflicts(),
        left_out=gathered.left_out,
        notices=_notices(gathered, whole=whole),
        graph_version=graph.revision,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


class _Telling:
    """The findings in names, which are asked for once."""

    def __init__(
        self,
        inventory: Present,
        graph: DependencyGraph,
        gathered: Gathered,
        together: Together,
        stretches: Sequence[Interval],
        conflicts: Sequence[Conflict],
    ) -> None:
        self._graph = graph
        self._changes = gathered.changes
        self._together = together
        self._stretches = stretches
        self._conflicts = conflicts
        self._services: dict[Changes, list[int]] = {}
        worst = self._worst()
        paths = [together.of(changes).path(ci) for ci, (_state, changes) in worst.items()]
        paths += [
            together.of(each.changes).path(ci_id) for each in conflicts for ci_id in each.states
        ]
        down = {ci_id for each in gathered.changes for ci_id in each.cis}
        self._worst_of = worst
        self._names: Names = names_of_paths(inventory, paths, [*down, *worst])

    def changes(self, alone: Sequence[ImpactResult]) -> list[AssessedChange]:
        """The changes, each with what it does alone."""
        return [
            AssessedChange(
                **_span(change.window).model_dump(),
                number=change.number,
                title=change.title,
                status=change.status,
                asked=change.asked,
                cis=[self._names.ci(each) for each in sorted(change.cis)],
                left_out_cis=list(change.left_out_cis),
                services=_counted(
                    [result.state_of(each) for each in self._services_of(frozenset({place}))]
                ),
            )
            for place, (change, result) in enumerate(zip(self._changes, alone, strict=True))
        ]

    def interval(self, stretch: Interval, result: ImpactResult) -> AssessedInterval:
        """What is affected in a stretch of time."""
        services = [
            AffectedThen(**self._names.ci(each).model_dump(), state=_state(result, each))
            for each in self._services_of(stretch.changes)
        ]
        others = result.reached.state[result.reached.cause != NOBODY].tolist()
        down = sorted(set().union(*(self._changes[each].cis for each in stretch.changes)))
        return AssessedInterval(
            **_span(stretch.window).model_dump(),
            changes=self._numbers(stretch.changes),
            down=[self._names.ci(each) for each in down],
            services=sorted(services, key=lambda each: (-_rank(each.state), each.name)),
            configuration_items=_counted([State(each) for each in others]),
        )

    def services(self) -> list[AssessedService]:
        """Every service that is ever affected, and when."""
        found = [self._service(ci_id) for ci_id in self._worst_of]
        return sorted(
            found, key=lambda each: (-_rank(each.state), each.criticality or _UNSAID, each.name)
        )

    def conflicts(self) -> list[AssessedConflict]:
        """The conflicts, the worst first."""
        found = [self._conflict(each) for each in self._conflicts]
        return sorted(found, key=lambda each: (-_rank(each.state), each.start, each.changes))

    def _service(self, ci_id: int) -> AssessedService:
        row = self._names.cis[ci_id]
        state, changes = self._worst_of[ci_id]
        periods: list[Period] = []
        for stretch in self._stretches:
            if ci_id not in self._services_of(stretch.changes):
                continue
            then = _state(self._together.of(stretch.changes), ci_id)
            numbers = self._numbers(that_matter(self._together, stretch.changes, ci_id))
            last = periods[-1] if periods else None
            if last is not None and (last.end, last.state) == (stretch.window.start, then):
                known = [each for each in last.changes if each not in numbers]
                last.end, last.changes = stretch.window.end, sorted([*known, *numbers])
            else:
                span = _span(stretch.window).model_dump()
                periods.append(Period(**span, state=then, changes=numbers))
        return AssessedService(
            **self._names.ci(ci_id).model_dump(),
            state=STATE_NAMES[state],
            criticality=row.criticality,
            owner=row.owner,
            support_group=row.support_group,
            periods=periods,
            path=self._names.path(self._together.of(changes).path(ci_id)),
        )

    def _conflict(self, conflict: Conflict) -> AssessedConflict:
        result = self._together.of(conflict.changes)
        shared = [each.window for each in self._stretches if conflict.changes <= each.changes]
        is_service = set(self._services_of(conflict.changes))
        hit = sorted(conflict.states, key=lambda each: (-conflict.states[each], each))
        services = [
            HitService(
                **self._names.ci(each).model_dump(),
                state=_state(result, each),
                alone={
                    self._changes[place].number: _alone(self._together.of(frozenset({place})), each)
                    for place in sorted(conflict.changes)
                },
                path=self._names.path(result.path(each)),
            )
            for each in hit
            if each in is_service
        ]
        return AssessedConflict(
            start=shared[0].start,
            end=shared[-1].end,
            changes=self._numbers(conflict.changes),
            state=STATE_NAMES[max(conflict.states.values())],
            services=services,
            groups=[group for each in hit if (group := self._group(result, each)) is not None],
        )

    def _group(self, result: ImpactResult, ci_id: int) -> BrokenGroup | None:
        cause = result.cause_of(ci_id)
        if cause.members is None or cause.up is None or cause.min_up is None:
            return None
        return BrokenGroup(
            **self._names.ci(ci_id).model_dump(),
            state=_state(result, ci_id),
            group=self._names.groups.get(cause.group_id or 0),
            members=cause.members,
            up=cause.up,
            min_up=cause.min_up,
        )

    def _worst(self) -> dict[int, tuple[State, Changes]]:
        """Of each affected service the worst state, and the changes of when it first has it."""
        worst: dict[int, tuple[State, Changes]] = {}
        for stretch in self._stretches:
            result = self._together.of(stretch.changes)
            for ci_id in self._services_of(stretch.changes):
                state = result.state_of(ci_id)
                if ci_id not in worst or state > worst[ci_id][0]:
                    worst[ci_id] = state, stretch.changes
        return worst

    def _services_of(self, changes: Changes) -> list[int]:
        if changes not in self._services:
            found = self._graph.services_among(self._together.of(changes).ids)
            self._services[changes] = found.tolist()
        return self._services[changes]

    def _numbers(self, changes: Changes) -> list[str]:
        return [self._changes[place].number for place in sorted(changes)]


def _notices(gathered: Gathered, *, whole: bool) -> list[Notice]:
    window = gathered.window
    said: list[tuple[Notice, bool]] = [
        ("past_window", window.end is not None and window.end <= now()),
        ("open_window", window.end is None),
        ("overrunning", any(each.overrunning for each in gathered.changes)),
        ("left_out_cis", any(each.left_out_cis for each in gathered.changes)),
        ("left_out_changes", bool(gathered.left_out)),
        ("truncated", not whole),
    ]
    return [notice for notice, is_so in said if is_so]


def _span(window: Window) -> Span:
    return Span(start=window.start, end=window.end)


def _state(result: ImpactResult, ci_id: int) -> StateName:
    return STATE_NAMES[result.state_of(ci_id)]


def _alone(result: ImpactResult, ci_id: int) -> str:
    return STATE_NAMES.get(result.state_of(ci_id), "operational")


def _counted(states: Sequence[State]) -> dict[StateName, int]:
    found = Counter(states)
    return {name: found[state] for state, name in reversed(STATE_NAMES.items()) if found[state]}


_RANKS = {name: int(state) for state, name in STATE_NAMES.items()}


def _rank(state: StateName) -> int:
    return _RANKS[state]
