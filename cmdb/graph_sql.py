"""What the dependency graph is made of, read from SQL: all of it, or what has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot, GroupColumns, Ids, Indices, RelationshipColumns
from cmdb.graph_delta import GraphChange
from cmdb.graph_input import find
from cmdb.graph_lookup import positions_at, positions_of, union
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

_STREAMED = 50_000
_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement
_GONE, _RETIRED, _PRESENT, _SERVICE = range(4)


@dataclass(frozen=True, slots=True)
class CIChange:
    """What became of CIs since a snapshot was made."""

    arrived: Ids
    absent: Ids
    retired: Ids
    """Those of `absent` that are still there."""
    services: Ids
    """Those of the changed CIs that are services now, ascending."""
    looked_at: Ids
    """All that were asked about, ascending."""


def built(session: Session, revision: int) -> tuple[GraphSnapshot, Ids]:
    """The whole graph, streamed, and the ids of the services in it."""
    ids, living = _all_cis(session)
    snapshot = GraphSnapshot.build(
        ids[living], _streamed(session), _groups(session, None), revision, ids[~living]
    )
    return snapshot, services(session)


def services(session: Session) -> Ids:
    """Ids of the services that are not retired, ascending."""
    statement = (
        select(ConfigurationItem.id)
        .join(CIClass, CIClass.name == ConfigurationItem.ci_class)
        .where(ConfigurationItem.status != LifecycleStatus.RETIRED, CIClass.is_service)
    )
    return np.sort(np.array(session.scalars(statement).all(), np.int64))


def carrying_types(session: Session) -> frozenset[str]:
    """Relationship types along which failure travels."""
    wanted = RelationshipType.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT
    return frozenset(session.scalars(select(RelationshipType.name).where(wanted)))


def read_cis(session: Session, snapshot: GraphSnapshot, ci_ids: Collection[int]) -> CIChange:
    """What became of these CIs."""
    asked = np.array(sorted(ci_ids), np.int64)
    standing = np.full(len(asked), _GONE, np.int8)
    statement = select(ConfigurationItem.id, ConfigurationItem.status, CIClass.is_service).join(
        CIClass, CIClass.name == ConfigurationItem.ci_class
    )
    for row in _among(session, statement, ConfigurationItem.id, asked):
        status = _RETIRED
        if row[1] != LifecycleStatus.RETIRED:
            status = _SERVICE if row[2] else _PRESENT
        standing[np.searchsorted(asked, row[0])] = status
    at = find(snapshot.ids, asked)
    was_present = at >= 0
    was_present[was_present] = ~snapshot.absent[at[was_present]]
    is_present = standing >= _PRESENT
    unknown = at < 0
    return CIChange(
        arrived=asked[is_present & ~was_present],
        absent=asked[~is_present & (was_present | (unknown & (standing == _RETIRED)))],
        retired=asked[(standing == _RETIRED) & (was_present | unknown)],
        services=asked[standing == _SERVICE],
        looked_at=asked,
    )


def read_change(
    session: Session,
    snapshot: GraphSnapshot,
    cis: CIChange,
    relationship_ids: Collection[int],
    revision: int,
) -> tuple[GraphChange, Indices]:
    """What differs between a snapshot and the graph as `session` sees it; and the edges of the
    snapshot that it names."""
    ids = np.array(sorted(relationship_ids), np.int64)
    back = cis.arrived[find(snapshot.ids, cis.arrived) >= 0]
    parts = [_relationships(session, Relationship.id, ids)]
    parts += [
        _relationships(session, column, back)
        for column in (Relationship.dependent_id, Relationship.provider_id)
        if len(back)
    ]
    rows = np.concatenate(parts)
    touched = union(
        positions_of(snapshot, ids, _known_providers(snapshot, rows)),
        positions_at(snapshot, find(snapshot.ids, cis.absent)),
    )
    groups = np.union1d(rows[:, 4], _groups_of(snapshot, touched))
    groups = groups[groups >= 0]
    if len(groups):
        rows = np.concatenate([rows, _relationships(session, Relationship.group_id, groups)])
    rows = rows[np.unique(rows[:, 0], return_index=True)[1]]
    others = np.setdiff1d(rows[:, 0], ids)
    if len(others):
        found = positions_of(snapshot, others, _known_providers(snapshot, rows))
        touched = union(touched, found)
    change = GraphChange(
        revision,
        cis.arrived,
        cis.absent,
        cis.retired,
        np.union1d(ids, rows[:, 0]),
        RelationshipColumns(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] != 0, rows[:, 4]),
        _groups(session, groups),
    )
    return change, touched


def _groups_of(snapshot: GraphSnapshot, positions: Indices) -> Ids:
    """Ids of the groups that these edges have a part in."""
    start = snapshot.layout.conditional_from
    group = snapshot.layout.group_of[positions[positions >= start] - start]
    found: Ids = snapshot.groups.id[np.unique(group[group >= 0])]
    return found


def _known_providers(snapshot: GraphSnapshot, rows: Ids) -> Indices:
    at = find(snapshot.ids, np.unique(rows[:, 2]))
    return at[at >= 0]


def _all_cis(session: Session) -> tuple[Ids, Any]:
    statement = select(
        ConfigurationItem.id, ConfigurationItem.status != LifecycleStatus.RETIRED
    ).order_by(ConfigurationItem.id)
    tables = list(_tables(session, statement, 2))
    table = np.concatenate([np.zeros((0, 2), np.int64), *tables])
    return table[:, 0], table[:, 1] != 0


def _streamed(session: Session) -> Iterator[RelationshipColumns]:
    for table in _tables(session, _edge_rows().where(_carries(session)), 5):
        columns = np.ascontiguousarray(table.T)
        yield RelationshipColumns(columns[0], columns[1], columns[2], columns[3] != 0, columns[4])


def _edge_rows() -> Select[int, int, int, bool, int]:
    return select(
        Relationship.id,
        Relationship.dependent_id,
        Relationship.provider_id,
        Relationship.dependency == Dependency.OPTIONAL,
        func.coalesce(Relationship.group_id, -1),
    )


def _carries(session: Session) -> ColumnElement[bool]:
    return Relationship.type.in_(carrying_types(session))


def _relationships(session: Session, column: Any, values: Ids) -> Ids:
    """(k, 5) rows of relationships that carry failure and have one of the values."""
    statement = _edge_rows().where(_carries(session))
    rows = [tuple(row) for row in _among(session, statement, column, values)]
    return np.array(rows, np.int64).reshape(-1, 5)


def _groups(session: Session, ids: Ids | None) -> GroupColumns:
    """These redundancy groups, or all."""
    statement = select(
        RedundancyGroup.id,
        RedundancyGroup.dependent_id,
        RedundancyGroup.min_up,
        RedundancyGroup.min_up_is_percent,
    )
    found: Any = (
        session.execute(statement)
        if ids is None
        else _among(session, statement, RedundancyGroup.id, ids)
    )
    rows = []
    for group, dependent, min_up, is_percent in found:
        limits = (-1, min_up) if is_percent else (min_up, -1)
        rows.append((group, dependent, *limits))
    return GroupColumns.from_rows(rows)


def _among(session: Session, statement: Any, column: Any, values: Ids) -> Iterator[Any]:
    """The rows in which the column has one of the values (ascending)."""
    for start in range(0, len(values), _CHUNK):
        some = values[start : start + _CHUNK].tolist()
        yield from session.execute(statement.where(column.in_(some)))


def _tables(session: Session, statement: Any, width: int) -> Iterator[Ids]:
    """Numbers from SQL as arrays of rows."""
    # Of the connection, not of the session: rows of the driver, without the ORM's work on each.
    result = session.connection().execute(statement, execution_options={"yield_per": _STREAMED})
    for rows in result.partitions():
        values = np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * width)
        yield values.reshape(-1, width)
