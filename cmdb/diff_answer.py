"""From a CI or a service and two moments to what differs: read both, compare."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from cmdb.as_of import (
    cis_at,
    ends_at,
    relationships_among,
    relationships_at,
    states_of_relationships,
)
from cmdb.diff import ci_differences, relationship_differences
from cmdb.diff_schemas import Diff
from cmdb.graph import GraphSnapshot
from cmdb.impact_schemas import CIName
from cmdb.moments import Moment, checked
from cmdb.past_references import PastCIs
from cmdb.references import CIReference, UnresolvedCIError, resolve
from cmdb.schemas import RelationshipOut
from cmdb.snapshots import DependencyGraph, GraphCache
from opsatlas.errors import ErrorItem, InvalidInputError


class NoServiceError(InvalidInputError):
    """A diff was asked for a service that is none."""

    code = "no_service"


def diff_ci(
    session: Session, cache: GraphCache, reference: CIReference, start: datetime, end: datetime
) -> Diff:
    """What differs for one CI: its values, and the relationships from and to it.

    Raises UnresolvedCIError, FutureMomentError, InvalidInputError.
    """
    before, after = _moments(session, cache, start, end)
    ci_id = _found(session, reference, before, after, "/query/ci")
    return _compared(
        session,
        (before, after),
        "ci",
        ci_id,
        ({ci_id}, {ci_id}),
        (_of_ci(session, before, ci_id), _of_ci(session, after, ci_id)),
    )


def diff_service(
    session: Session, cache: GraphCache, reference: CIReference, start: datetime, end: datetime
) -> Diff:
    """What differs in everything that a service stands on, itself included.

    Raises UnresolvedCIError, NoServiceError, FutureMomentError, InvalidInputError.
    """
    moments = _moments(session, cache, start, end)
    before, after = moments
    ci_id = _found(session, reference, before, after, "/query/service")
    graphs = [_graph(session, cache, moment) for moment in moments]
    if all(ci_id not in graph.service_ids for graph in graphs):
        message = f"CI {ci_id} is no service"
        hint = "ask for it as a CI"
        raise NoServiceError(message, hint=hint, errors=[ErrorItem("/query/service", message)])
    inside = [stands_on(graph.snapshot, ci_id) for graph in graphs]
    edges = [
        relationships_among(session, moment, cis)
        for moment, cis in zip(moments, inside, strict=True)
    ]
    return _compared(
        session, moments, "service", ci_id, (inside[0], inside[1]), (edges[0], edges[1])
    )


def stands_on(snapshot: GraphSnapshot, ci_id: int) -> set[int]:
    """A CI and everything that it depends on, directly or not; nothing where it is not there."""
    if not snapshot.has(ci_id):
        return set()
    reached = {snapshot.index_of(ci_id)}
    waiting = list(reached)
    while waiting:
        positions = snapshot.edges_to_providers(waiting.pop()).tolist()
        beyond = {snapshot.provider_of(position) for position in positions} - reached
        reached |= beyond
        waiting += beyond
    return {int(snapshot.ids[index]) for index in reached}


def _graph(session: Session, cache: GraphCache, moment: Moment) -> DependencyGraph:
    return cache.current(session) if moment.is_now else cache.at(session, moment).graph


def _moments(
    session: Session, cache: GraphCache, start: datetime, end: datetime
) -> tuple[Moment, Moment]:
    first, last = checked(start, "/query/from"), checked(end, "/query/to")
    if first > last:
        message = "`from` is later than `to`"
        items = [ErrorItem("/query/from", message, start.isoformat(), "swap the two")]
        raise InvalidInputError(message, hint="swap the two", errors=items)
    return cache.moments.get(session, first), cache.moments.get(session, last)


def _found(
    session: Session, reference: CIReference, before: Moment, after: Moment, pointer: str
) -> int:
    """The CI that is meant at the end, or else at the start."""
    try:
        (found,) = resolve(
            session, [reference], pointer=pointer, retired=True, among=PastCIs(session, after)
        )
    except UnresolvedCIError:
        earlier = PastCIs(session, before)
        try:
            (found,) = resolve(session, [reference], pointer=pointer, retired=True, among=earlier)
        except UnresolvedCIError:
            resolve(session, [reference], pointer=pointer, retired=True)  # tells what is near
            raise
    return found


def _of_ci(session: Session, moment: Moment, ci_id: int) -> list[RelationshipOut]:
    ids = ends_at(session, moment, [ci_id])
    return relationships_at(session, moment, states_of_relationships(session, moment, ids))


def _compared(
    session: Session,
    moments: tuple[Moment, Moment],
    scope: str,
    ci_id: int,
    inside: tuple[set[int], set[int]],
    edges: tuple[Iterable[RelationshipOut], Iterable[RelationshipOut]],
) -> Diff:
    both = sorted(inside[0] | inside[1] | {ci_id})
    before, after = (cis_at(session, moment, both) for moment in moments)
    if scope == "ci":
        inside = (inside[0] & before.keys(), inside[1] & after.keys())
    subject = after.get(ci_id) or before[ci_id]
    old, new = ({each.id: each for each in some} for some in edges)
    return Diff(
        from_=moments[0].at,
        to=moments[1].at,
        subject=CIName(id=ci_id, name=subject.name, ci_class=subject.ci_class),
        scope="ci" if scope == "ci" else "service",
        configuration_items=ci_differences(before, after, *inside),
        relationships=relationship_differences(old, new),
        compared=len(inside[0] | inside[1]),
    )
