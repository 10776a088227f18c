"""The dependency graph as it was: today's rows, with what has changed since replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.as_of import min_up_of, states_of_cis, states_of_relationships
from cmdb.graph import GraphSnapshot, GroupColumns, Ids, RelationshipColumns
from cmdb.models import (
    CIClass,
    ConfigurationItem,
    Dependency,
    FailureDirection,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)
from cmdb.moments import Moment
from cmdb.taking_back import State, state_at
from cmdb.values import MinUp
from opsatlas import revision

_CHUNK = 50_000
_Row = tuple[int, int, int, int, int]
"""Of an edge: id, dependent, provider, whether it is optional, group or -1."""


@dataclass(slots=True)
class _Groups:
    """The redundancy groups of the moment; those that are gone get ids that no other has."""

    rows: dict[int, tuple[int, MinUp]]
    """By id: dependent and min_up."""
    ids: dict[tuple[int, str], int]
    """By dependent and name."""
    names: dict[int, str] = field(default_factory=dict)
    newest: int = 0
    """The highest id."""

    def of(self, state: State) -> int:
        """The group of a relationship of then, -1 where it was in none."""
        name = state["redundancy_group"]
        if name is None:
            return -1
        key = (state["dependent"], name)
        group_id = self.ids.get(key)
        if group_id is None:
            self.newest += 1
            group_id = self.ids[key] = self.newest
        self.names[group_id] = name
        self.rows[group_id] = (state["dependent"], min_up_of(state))
        return group_id


def build_past(session: Session, moment: Moment) -> tuple[GraphSnapshot, Ids, dict[int, str]]:
    """The graph at `moment`: CIs that were not retired then, relationships that carried failure.

    Also the ids of its services, ascending, and the names of its redundancy groups.
    """
    seen = revision.newest(session)
    states = states_of_cis(session, moment, sorted(moment.cis))
    service_classes = _service_classes(session, moment)
    living = {each: state for each, state in states.items() if state["status"] != _RETIRED}
    ids, services = set(living), set()
    for row in session.execute(
        select(ConfigurationItem.id, ConfigurationItem.ci_class).where(
            ConfigurationItem.status != LifecycleStatus.RETIRED
        )
    ):
        if row.id not in moment.cis:
            ids.add(row.id)
            if row.ci_class in service_classes:
                services.add(row.id)
    services |= {each for each, state in living.items() if state["ci_class"] in service_classes}
    groups = _current_groups(session)
    # The edges first: they say which groups there were.
    edges = list(_edges(session, moment, groups))
    snapshot = GraphSnapshot.build(_sorted(ids), edges, _columns(groups), seen)
    return snapshot, _sorted(services), groups.names


_RETIRED = LifecycleStatus.RETIRED


def _edges(session: Session, moment: Moment, groups: _Groups) -> Iterator[RelationshipColumns]:
    carrying = _carrying_types(session, moment)
    changed = moment.relationships
    rows = session.execute(
        select(
            Relationship.id,
            Relationship.dependent_id,
            Relationship.provider_id,
            Relationship.dependency == Dependency.OPTIONAL,
            func.coalesce(Relationship.group_id, -1),
        ).where(Relationship.type.in_(carrying)),
        execution_options={"yield_per": _CHUNK},
    )
    for chunk in rows.partitions():
        yield RelationshipColumns.from_rows([row for row in chunk if row[0] not in changed])
    states = states_of_relationships(session, moment, sorted(changed))
    then: list[_Row] = [
        (
            each,
            state["dependent"],
            state["provider"],
            int(state["dependency"] == Dependency.OPTIONAL),
            groups.of(state),
        )
        for each, state in states.items()
        if state["type"] in carrying
    ]
    yield RelationshipColumns.from_rows(then)


def _current_groups(session: Session) -> _Groups:
    found = _Groups({}, {})
    for row in session.execute(
        select(
            RedundancyGroup.id,
            RedundancyGroup.dependent_id,
            RedundancyGroup.name,
            RedundancyGroup.min_up,
            RedundancyGroup.min_up_is_percent,
        )
    ):
        found.rows[row.id] = (row.dependent_id, MinUp(row.min_up, row.min_up_is_percent))
        found.ids[row.dependent_id, row.name] = row.id
        found.names[row.id] = row.name
        found.newest = max(found.newest, row.id)
    return found


def _columns(groups: _Groups) -> GroupColumns:
    return GroupColumns.from_rows(
        [
            (each, dependent, *((-1, limit.value) if limit.is_percent else (limit.value, -1)))
            for each, (dependent, limit) in sorted(groups.rows.items())
        ]
    )


def _service_classes(session: Session, moment: Moment) -> set[str]:
    rows = session.execute(select(CIClass.name, CIClass.is_service))
    return _named(rows, moment.classes, "is_service", True)


def _carrying_types(session: Session, moment: Moment) -> set[str]:
    rows = session.execute(select(RelationshipType.name, RelationshipType.failure_direction))
    wanted = FailureDirection.PROVIDER_TO_DEPENDENT
    return _named(rows, moment.types, "failure_direction", wanted)


def _named(rows: Iterable[Any], pasts: dict[str, Any], field_name: str, wanted: object) -> set[str]:
    """The names of which a field had this value."""
    current = {name: {field_name: value} for name, value in rows}
    states = ((name, state_at(current.get(name), pasts.get(name))) for name in {*current, *pasts})
    return {name for name, state in states if state is not None and state[field_name] == wanted}


def _sorted(ids: set[int]) -> Ids:
    return np.array(sorted(ids), np.int64)
