"""CIs and relationships as they were at a moment, in the shapes in which they go out today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cmdb.bulk import chunks
from cmdb.claims import MANUAL, is_correction
from cmdb.impact_schemas import CIName
from cmdb.inventory import NoSuchCIError
from cmdb.models import ConfigurationItem, ExternalKey, Relationship
from cmdb.moments import (
    CI,
    RELATIONSHIP,
    Moment,
    checked,
    first_record,
    last_changes,
    read_records,
)
from cmdb.relationship_reads import NoSuchRelationshipError
from cmdb.relationship_states import relationship_states
from cmdb.schemas import CIOut, Neighbour, Neighbours, RelationshipOut
from cmdb.taking_back import State, state_at
from cmdb.values import MinUp
from opsatlas.clock import parse_rfc3339, rfc3339

_CIS, _KEYS, _ROWS = (
    model.metadata.tables[model.__tablename__]
    for model in (ConfigurationItem, ExternalKey, Relationship)
)
_COLUMNS = tuple(column.name for column in _CIS.c if column.name not in ("id", "folded_name"))


def ci_at(session: Session, ci_id: int, at: datetime) -> CIOut:
    """One CI as it was. Raises NoSuchCIError, FutureMomentError."""
    at = checked(at)
    found = cis_at(session, read_records(session, at, CI, [ci_id]), [ci_id])
    if ci_id not in found:
        raise NoSuchCIError(
            f"there was no configuration item {ci_id} at {rfc3339(at)}",
            hint=known_since(session, at),
        )
    return found[ci_id]


def relationship_at(session: Session, relationship_id: int, at: datetime) -> RelationshipOut:
    """One relationship as it was. Raises NoSuchRelationshipError, FutureMomentError."""
    at = checked(at)
    alone = read_records(session, at, RELATIONSHIP, [relationship_id])
    states = states_of_relationships(session, alone, [relationship_id])
    if relationship_id not in states:
        raise NoSuchRelationshipError(
            f"there was no relationship {relationship_id} at {rfc3339(at)}",
            hint=known_since(session, at),
        )
    ends = {states[relationship_id][end] for end in ("dependent", "provider")}
    alone.cis = read_records(session, at, CI, ends).cis
    return relationships_at(session, alone, states)[0]


def neighbours_at(
    session: Session, moment: Moment, ci_id: int, *, hops: int = 1, limit: int = 500
) -> Neighbours:
    """What was at most `hops` relationships away, in either direction; `limit` bounds the CIs.

    Raises NoSuchCIError.
    """
    if ci_id not in states_of_cis(session, moment, [ci_id]):
        raise NoSuchCIError(
            f"there was no configuration item {ci_id} at {rfc3339(moment.at)}",
            hint=known_since(session, moment.at),
        )
    distance = {ci_id: 0}
    frontier = {ci_id}
    truncated = False
    for hop in range(1, hops + 1):
        reached = {end for ends in ends_at(session, moment, frontier).values() for end in ends}
        frontier = reached - distance.keys()
        room = limit - len(distance)
        if len(frontier) > room:
            truncated = True
            frontier = set(sorted(frontier)[: max(room, 0)])
        distance |= dict.fromkeys(frontier, hop)
        if truncated or not frontier:
            break
    nodes = [
        Neighbour(
            id=each,
            name=state["name"],
            ci_class=state["ci_class"],
            status=state["status"],
            hops=distance[each],
        )
        for each, state in states_of_cis(session, moment, distance).items()
    ]
    return Neighbours(
        configuration_items=sorted(nodes, key=lambda each: (each.hops, each.name, each.id)),
        relationships=relationships_among(session, moment, distance),
        truncated=truncated,
    )


def relationships_among(
    session: Session, moment: Moment, ci_ids: Collection[int]
) -> list[RelationshipOut]:
    """The relationships whose two ends are among these CIs, by id."""
    inside = set(ci_ids)
    ids = [
        each
        for each, (dependent, provider) in ends_at(session, moment, inside).items()
        if dependent in inside and provider in inside
    ]
    return relationships_at(session, moment, states_of_relationships(session, moment, ids))


def ends_at(
    session: Session, moment: Moment, ci_ids: Collection[int]
) -> dict[int, tuple[int, int]]:
    """(dependent, provider) by id of the relationships of which one end is among these CIs."""
    found: dict[int, tuple[int, int]] = {}
    wanted = set(ci_ids)
    changed = {each for ci_id in wanted for each in moment.moved_from.get(ci_id, ())}
    for some in chunks(wanted):
        touches = or_(_ROWS.c.dependent_id.in_(some), _ROWS.c.provider_id.in_(some))
        for row in session.execute(
            select(_ROWS.c.id, _ROWS.c.dependent_id, _ROWS.c.provider_id).where(touches)
        ):
            if row.id in moment.relationships:
                changed.add(row.id)
            else:
                found[row.id] = (row.dependent_id, row.provider_id)
    for each, state in states_of_relationships(session, moment, changed).items():
        ends = (state["dependent"], state["provider"])
        if not wanted.isdisjoint(ends):
            found[each] = ends
    return found


def cis_at(session: Session, moment: Moment, ids: Collection[int]) -> dict[int, CIOut]:
    """The CIs with these ids that were there, by id, ascending."""
    states = states_of_cis(session, moment, ids)
    _set_times(session, moment, CI, states)
    return {each: _ci_out(each, states[each]) for each in sorted(states)}


def relationships_at(
    session: Session, moment: Moment, states: dict[int, State]
) -> list[RelationshipOut]:
    """Relationships as they went out then, with the names that their ends had, by id."""
    _set_times(session, moment, RELATIONSHIP, states)
    ends = {state[end] for state in states.values() for end in ("dependent", "provider")}
    names = {
        each: CIName(id=each, name=state["name"], ci_class=state["ci_class"])
        for each, state in states_of_cis(session, moment, ends).items()
    }
    return [
        _relationship_out(each, state, names)
        for each, state in sorted(states.items())
        if state["dependent"] in names and state["provider"] in names
    ]


def states_of_cis(session: Session, moment: Moment, ids: Iterable[int]) -> dict[int, State]:
    """The fields of these CIs at the moment; those that were not there are left out."""
    found: dict[int, State] = {}
    for some in chunks(ids):
        current = _current_cis(session, some)
        for each in some:
            state = state_at(current.get(each), moment.cis.get(each))
            if state is not None:
                found[each] = state
    return found


def states_of_relationships(
    session: Session, moment: Moment, ids: Collection[int]
) -> dict[int, State]:
    """The same of relationships; their ends by id."""
    current = relationship_states(session, ids)
    states = {each: state_at(current.get(each), moment.relationships.get(each)) for each in ids}
    return {each: state for each, state in states.items() if state is not None}


def min_up_of(state: State) -> MinUp:
    """`min_up` as the audit trail has it: a number, or a text such as `2` or `50%`."""
    said = str(state.get("min_up") or 1)
    return MinUp(int(said.removesuffix("%")), said.endswith("%"))


def known_since(session: Session, at: datetime) -> str | None:
    """A hint where nothing at all is known of a moment."""
    first = first_record(session)
    if first is None or at >= first:
        return None
    return f"the first record is of {rfc3339(first)}: nothing is known of before"


def _current_cis(session: Session, ids: Sequence[int]) -> dict[int, State]:
    keys: dict[int, list[dict[str, str]]] = defaultdict(list)
    for ci_id, source, key in session.execute(
        select(_KEYS.c.ci_id, _KEYS.c.source, _KEYS.c.key)
        .where(_KEYS.c.ci_id.in_(ids))
        .order_by(_KEYS.c.source, _KEYS.c.key)
    ):
        if source != MANUAL or not is_correction(key):
            keys[ci_id].append({"source": source, "key": key})
    rows = session.execute(
        select(_CIS.c.id, *(_CIS.c[name] for name in _COLUMNS)).where(_CIS.c.id.in_(ids))
    )
    return {
        row.id: {name: getattr(row, name) for name in _COLUMNS} | {"keys": keys[row.id]}
        for row in rows
    }


def _set_times(session: Session, moment: Moment, entity: str, states: dict[int, State]) -> None:
    """Put in when each record had last been changed by then, where that was not its last change."""
    pasts = moment.cis if entity == CI else moment.relationships
    changed = [each for each in states if each in pasts and pasts[each].versions]
    last = last_changes(session, entity, changed, moment.at)
    for each in changed:
        states[each]["updated_at"] = last.get(each, states[each]["created_at"])


def _ci_out(ci_id: int, state: State) -> CIOut:
    names = CIOut.model_fields.keys() - {"id"}  # one that is younger than the moment was empty
    return CIOut(id=ci_id, **{name: state.get(name) for name in names})


def _relationship_out(
    relationship_id: int, state: State, names: dict[int, CIName]
) -> RelationshipOut:
    limit: int | str | None = None
    if state["redundancy_group"] is not None:
        min_up = min_up_of(state)
        limit = str(min_up) if min_up.is_percent else min_up.value
    return RelationshipOut(
        id=relationship_id,
        dependent=names[state["dependent"]],
        provider=names[state["provider"]],
        type=state["type"],
        dependency=state["dependency"],
        redundancy_group=state["redundancy_group"],
        min_up=limit,
        sources=state["sources"],
        version=state["version"],
        created_at=_time(state["created_at"]),
        updated_at=_time(state["updated_at"]),
    )


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else parse_rfc3339(value)
