"""Weak points in names: what goes down with whom, by which path, behind which group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cmdb.circles import way_round
from cmdb.direct_ways import DirectWays
from cmdb.graph import Ids, Indices
from cmdb.impact import CauseKind, ImpactResult, State, Step, analyse
from cmdb.impact_inventory import Inventory
from cmdb.named_paths import Names, names_of_paths
from cmdb.snapshots import DependencyGraph
from cmdb.spare_members import Spare
from cmdb.weak_points import WeakPoints
from kb.weak_point_schemas import (
    BrokenGroup,
    Circle,
    HiddenDependency,
    MissingMember,
    NoSpare,
    ServicePoints,
    SharedCI,
    SinglePoint,
    TakenDown,
    UnfoundedService,
)

_SERVICES = 10
_MEMBERS = 10
_COMMON = 3
_OF_CIRCLE = 20
_WAY = 50


@dataclass(frozen=True, slots=True)
class _Point:
    """A single point before it has names."""

    index: int
    taken_down: int
    hidden: int
    services: list[tuple[int, bool, list[Step]]]
    """Of those that are shown: id, whether it is hidden, path."""
    result: ImpactResult


class Telling:
    """Puts weak points, given by index, into words; each list asks for its names once."""

    def __init__(
        self, inventory: Inventory, graph: DependencyGraph, found: WeakPoints, incidents: Ids
    ) -> None:
        self._inventory = inventory
        self._graph = graph
        self._snapshot = graph.snapshot
        self._found = found
        self._incidents = incidents

    def single_points(self, points: Indices, target: int | None) -> list[SinglePoint]:
        """With the services that go down, or with the one at index `target`."""
        made = [self._point(index, target) for index in points.tolist()]
        paths = [path for point in made for _service, _hidden, path in point.services]
        members = {
            member
            for point in made
            for _service, _hidden, path in point.services
            for step in path
            for member in self._broken_members(step, point.result)
        }
        ids = self._snapshot.ids
        names = names_of_paths(
            self._inventory, paths, [*members, *(int(ids[each.index]) for each in made)]
        )
        return [self._told(point, names) for point in made]

    def services(self, rows: Indices) -> list[ServicePoints]:
        """Services by their place among all services."""
        found = self._found
        ids = self._snapshot.ids[found.services[rows]].tolist()
        names = self._names(ids)
        return [
            ServicePoints(
                **names.ci(each).model_dump(),
                criticality=names.cis[each].criticality,
                single_points=count,
            )
            for each, count in zip(ids, found.points.points[rows].tolist(), strict=True)
        ]

    def hidden_dependencies(self, groups: Indices) -> list[HiddenDependency]:
        """Groups by index."""
        found, ids = self._found, self._snapshot.ids
        common = {
            group: {
                index: self._members_down(group, analyse(self._snapshot, [int(ids[index])]))
                for index in found.points.nearest_shared[group][:_COMMON]
            }
            for group in groups.tolist()
        }
        owners = ids[found.points.owner[groups]].tolist()
        mentioned = {
            ci_id
            for shared in common.values()
            for index, members in shared.items()
            for ci_id in (int(ids[index]), *members)
        }
        names = self._names([*owners, *mentioned])
        group_names = self._inventory.group_names(self._snapshot.group_id[groups].tolist())
        return [
            HiddenDependency(
                group=group_names[int(self._snapshot.group_id[group])],
                dependent=names.ci(owner),
                members=int(self._snapshot.groups.size[group]),
                min_up=int(self._snapshot.group_needed[group]),
                weight=int(found.weight_with_own[found.points.owner[group]]),
                shared=int(found.points.shared[group]),
                common=[
                    SharedCI(
                        **names.ci(int(ids[index])).model_dump(),
                        incidents=int(self._incidents[index]),
                        members_down=[names.ci(each) for each in members[:_MEMBERS]],
                    )
                    for index, members in common[group].items()
                ],
            )
            for group, owner in zip(groups.tolist(), owners, strict=True)
        ]

    def no_spare(self, spares: Sequence[Spare]) -> list[NoSpare]:
        """Groups that cannot lose a member."""
        shown = {each.group.id: sorted(each.missing)[:_MEMBERS] for each in spares}
        owners = [each.group.dependent for each in spares]
        names = self._names([*owners, *(ci_id for some in shown.values() for ci_id in some)])
        return [
            NoSpare(
                group=each.group.name,
                dependent=names.ci(each.group.dependent),
                members=each.members,
                up=each.up,
                min_up=each.min_up,
                state="no_spare" if each.up >= each.min_up else "broken",
                weight=int(
                    self._found.weight_with_own[self._snapshot.index_of(each.group.dependent)]
                ),
                missing=[
                    MissingMember(**names.ci(ci_id).model_dump(), why=each.missing[ci_id])
                    for ci_id in shown[each.group.id]
                ],
            )
            for each in spares
        ]

    def circles(self, circles: Sequence[Indices]) -> list[Circle]:
        """Circles with a shortest way round."""
        ways = [way_round(self._snapshot, each) for each in circles]
        ids = self._snapshot.ids
        cis = [ids[each[:_OF_CIRCLE]].tolist() for each in circles]
        shown = [ids[way[:_WAY]].tolist() for way in ways]
        names = self._names(ci_id for some in (*cis, *shown) for ci_id in some)
        return [
            Circle(
                size=len(circle),
                cis=[names.ci(each) for each in some],
                length=len(way),
                way=[names.ci(each) for each in steps],
            )
            for circle, some, way, steps in zip(circles, cis, ways, shown, strict=True)
        ]

    def unfounded(self, services: Indices) -> list[UnfoundedService]:
        """Services of which no infrastructure is known."""
        ids = self._snapshot.ids[services].tolist()
        names = self._names(ids)
        return [
            UnfoundedService(
                **names.ci(each).model_dump(),
                criticality=names.cis[each].criticality,
                owner=names.cis[each].owner,
                support_group=names.cis[each].support_group,
            )
            for each in ids
        ]

    def _point(self, index: int, target: int | None) -> _Point:
        result = analyse(self._snapshot, [int(self._snapshot.ids[index])])
        found = self._found
        row = np.searchsorted(result.reached.index, found.services)
        row = row.clip(max=len(result.reached.index) - 1)
        hit = (result.reached.index[row] == found.services) & (
            result.reached.state[row] == State.DOWN
        )
        hit &= found.services != index
        rows, services = row[hit], found.services[hit]
        direct = DirectWays(found.needed, index, result)
        order = np.lexsort((services, result.reached.distance[rows], found.criticality[hit]))
        shown = services[order][:_SERVICES].tolist() if target is None else [target]
        return _Point(
            index,
            len(services),
            int(np.count_nonzero(~direct.reached[services])),
            [self._service(each, direct, result) for each in shown],
            result,
        )

    def _service(
        self, index: int, direct: DirectWays, result: ImpactResult
    ) -> tuple[int, bool, list[Step]]:
        ci_id = int(self._snapshot.ids[index])
        if direct.reached[index]:
            return ci_id, False, direct.path(index)
        return ci_id, True, result.path(ci_id)

    def _told(self, point: _Point, names: Names) -> SinglePoint:
        incidents = int(self._incidents[point.index])
        return SinglePoint(
            **names.ci(int(self._snapshot.ids[point.index])).model_dump(),
            score=int(self._found.weight[point.index]) * (1 + incidents),
            incidents=incidents,
            taken_down=point.taken_down,
            hidden=point.hidden,
            services=[
                TakenDown(
                    **names.ci(ci_id).model_dump(),
                    criticality=names.cis[ci_id].criticality,
                    hidden=hidden,
                    behind=[
                        self._broken(step, members, names)
                        for step in path
                        if (members := self._broken_members(step, point.result))
                    ],
                    path=names.path(path),
                )
                for ci_id, hidden, path in point.services
            ],
        )

    def _broken_members(self, step: Step, result: ImpactResult) -> list[int]:
        """The members that went down, by id, where a group with members to spare broke here."""
        cause = step.cause
        if cause.kind != CauseKind.REDUNDANCY or cause.members == cause.min_up:
            return []
        group = int(np.flatnonzero(self._snapshot.group_id == cause.group_id)[0])
        return self._members_down(group, result)[:_MEMBERS]

    def _members_down(self, group: int, result: ImpactResult) -> list[int]:
        members = self._snapshot.ids[self._snapshot.members_of(group)].tolist()
        return [each for each in members if result.state_of(each) == State.DOWN]

    def _broken(self, step: Step, members: list[int], names: Names) -> BrokenGroup:
        cause = step.cause
        return BrokenGroup(
            group=names.groups[cause.group_id or 0],
            dependent=names.ci(step.ci_id),
            members=cause.members or 0,
            up=cause.up or 0,
            min_up=cause.min_up or 0,
            down=[names.ci(each) for each in members],
        )

    def _names(self, ids: Iterable[int]) -> Names:
        return Names(self._inventory, ids, ())
