"""The graph as it would be if failure travelled otherwise along a type of relationship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, GroupColumns, Ids, Indices, RelationshipColumns
from cmdb.graph_delta import GraphChange
from cmdb.graph_input import find
from cmdb.models import Dependency, RedundancyGroup, Relationship
from cmdb.snapshots import DependencyGraph
from cmdb.what_if import suppose_change

_STREAMED = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class TypeChange:
    """What became of the graph."""

    after: GraphSnapshot
    total: int
    """Relationships of the type."""
    dependents: Indices
    """(k,) index of the dependent of each of them whose two ends take part."""


def change_type(
    session: Session, graph: DependencyGraph, name: str, *, carries: bool
) -> TypeChange:
    """`graph` as if failure travelled along the relationships of a type, or did not.

    Redundancy groups are taken as a whole, as their limits may be shares of their members.
    """
    snapshot = graph.snapshot
    rows, is_of_type = _rows(session, graph, name)
    carry = rows[is_of_type] if carries else rows[:0]
    carry = np.concatenate([carry, rows[~is_of_type]])
    nobody = np.zeros(0, np.int64)
    change = GraphChange(
        snapshot.revision,
        arrived=nobody,
        absent=nobody,
        retired=nobody,
        relationship_id=np.unique(rows[:, 0]),
        relationships=RelationshipColumns(
            carry[:, 0], carry[:, 1], carry[:, 2], carry[:, 3] != 0, carry[:, 4]
        ),
        groups=_groups(session, name),
    )
    after = suppose_change(snapshot, change)
    return TypeChange(after, int(is_of_type.sum()), _dependents(snapshot, rows[is_of_type]))


def _rows(session: Session, graph: DependencyGraph, name: str) -> tuple[Ids, Any]:
    """(k, 5) the relationships of the type, and the others of their groups that carry failure;
    which of them are of the type."""
    statement = select(
        Relationship.id,
        Relationship.dependent_id,
        Relationship.provider_id,
        Relationship.dependency == Dependency.OPTIONAL,
        func.coalesce(Relationship.group_id, -1),
        Relationship.type == name,
    ).where(
        or_(
            Relationship.type == name,
            Relationship.group_id.in_(_groups_with(name))
            & Relationship.type.in_(graph.carrying - {name}),
        )
    )
    # Of the connection, not of the session: rows of the driver, without the ORM's work on each.
    result = session.connection().execute(statement, execution_options={"yield_per": _STREAMED})
    parts = [np.array([tuple(row) for row in rows], np.int64) for rows in result.partitions()]
    table = np.concatenate([np.zeros((0, 6), np.int64), *parts])
    return table[:, :5], table[:, 5] != 0


def _groups_with(name: str) -> Any:
    members = select(Relationship.group_id).where(Relationship.type == name)
    return members.where(Relationship.group_id.is_not(None)).distinct()


def _groups(session: Session, name: str) -> GroupColumns:
    rows = session.execute(
        select(
            RedundancyGroup.id,
            RedundancyGroup.dependent_id,
            RedundancyGroup.min_up,
            RedundancyGroup.min_up_is_percent,
        ).where(RedundancyGroup.id.in_(_groups_with(name)))
    )
    return GroupColumns.from_rows(
        [(row[0], row[1], *((-1, row[2]) if row[3] else (row[2], -1))) for row in rows]
    )


def _dependents(snapshot: GraphSnapshot, rows: Ids) -> Indices:
    dependent, provider = find(snapshot.ids, rows[:, 1]), find(snapshot.ids, rows[:, 2])
    both = (dependent >= 0) & (provider >= 0)
    dependent, provider = dependent[both], provider[both]
    absent = snapshot.absent
    return dependent[~(absent[dependent] | absent[provider])]
