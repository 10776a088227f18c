"""Reads from SQL what the checks of a health report look at, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from cmdb.claims import MANUAL, Claim, correction_key
from cmdb.decision_models import IdentificationReview, KeptApart, ReviewState
from cmdb.graph_input import Ids, Indices, find
from cmdb.health_checks import Mask
from cmdb.health_facts import CIValues, Facts, Group, Named, Review, Seen
from cmdb.identifiers import CLOUD_ID, HOST
from cmdb.incoming import STORED
from cmdb.models import (
    CIClass,
    ConfigurationItem,
    ExternalKey,
    FailureDirection,
    Identifier,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)

_CHUNK = 5_000
_NOT_IN_USE = (LifecycleStatus.RETIRED, LifecycleStatus.PLANNED, LifecycleStatus.IN_STOCK)


class Codes:
    """A place for each different text, in the order in which they come."""

    def __init__(self) -> None:
        self.names: list[Any] = []
        self._places: dict[Any, int] = {}

    def of(self, name: Any) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place


def read_facts(session: Session) -> Facts:
    """All CIs and relationships."""
    parents = {row.name: row.parent for row in _all(session, select(CIClass.name, CIClass.parent))}
    classes, owners, types, sources = Codes(), Codes(), Codes(), Codes()
    columns = (
        *(ConfigurationItem.id, ConfigurationItem.ci_class),
        *(ConfigurationItem.status, ConfigurationItem.owner),
    )
    cis = np.array(
        [
            (
                *(row[0], classes.of(row[1]), owners.of(row[3])),
                *(row[2] != LifecycleStatus.RETIRED, row[2] not in _NOT_IN_USE),
            )
            for row in _all(session, select(*columns).order_by(ConfigurationItem.id))
        ],
        np.int64,
    ).reshape(-1, 5)
    ids = cis[:, 0].copy()
    dependent, provider, type_code = _relationships(session, ids, types)
    source_row, source_code = _reported(session, ids, sources)
    return Facts(
        ids=ids,
        class_code=cis[:, 1].astype(np.int32),
        classes=classes.names,
        owner_code=cis[:, 2].astype(np.int32),
        owners=owners.names,
        living=cis[:, 3] != 0,
        in_use=cis[:, 4] != 0,
        dependent=dependent,
        provider=provider,
        type_code=type_code,
        types=types.names,
        carrying=frozenset(
            session.scalars(
                select(RelationshipType.name).where(
                    RelationshipType.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT
                )
            )
        ),
        parents=parents,
        source_row=source_row,
        source_code=source_code,
        sources=sources.names,
    )


def _relationships(
    session: Session, ids: Ids, types: Codes
) -> tuple[Indices, Indices, NDArray[np.int32]]:
    statement = select(Relationship.dependent_id, Relationship.provider_id, Relationship.type)
    found = [np.zeros((3, 0), np.int32)]
    for some in _partitions(session, statement):
        dependents, providers, names = zip(*some, strict=True)
        codes = np.fromiter(map(types.of, names), np.int32, len(names))
        ends = (find(ids, np.array(each, np.int64)) for each in (dependents, providers))
        found.append(np.stack([*ends, codes]))
    dependent, provider, type_code = np.concatenate(found, axis=1)
    return dependent, provider, type_code


def _reported(
    session: Session, ids: Ids, sources: Codes
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Each CI with each source that has it; what people only corrected has no source of its own."""
    columns = (ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)
    pairs = [np.zeros((0, 2), np.int64)]
    for some in _partitions(session, select(*columns).where(ExternalKey.missing_run.is_(None))):
        kept = [
            (row[0], sources.of(row[1]))
            for row in some
            if row[1] != MANUAL or row[2] != correction_key(row[0])
        ]
        pairs.append(np.array(kept, np.int64).reshape(-1, 2))
    table = np.unique(np.concatenate(pairs), axis=0)
    return find(ids, table[:, 0]), table[:, 1].astype(np.int32)


def read_values(session: Session) -> Iterator[CIValues]:
    """Every CI that is not retired, by id, streamed."""
    columns = [getattr(ConfigurationItem, name) for name in STORED]
    statement = (
        select(ConfigurationItem.id, ConfigurationItem.attributes, *columns)
        .where(ConfigurationItem.status != LifecycleStatus.RETIRED)
        .order_by(ConfigurationItem.id)
    )
    for row in _all(session, statement):
        yield CIValues(row[0], dict(zip(STORED, row[2:], strict=True)), row[1])


def read_seen(session: Session) -> Iterator[list[Seen]]:
    """For each CI everything that reports it, streamed; what people only corrected is left out."""
    columns = (ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)
    statement = select(*columns, ExternalKey.missing_run, ExternalKey.seen_at)
    found = (
        Seen(row[0], row[1], row[3] is not None, row[4])
        for row in _all(session, statement.order_by(ExternalKey.ci_id))
        if row[1] != MANUAL or row[2] != correction_key(row[0])
    )
    for _, some in groupby(found, key=lambda each: each.ci_id):
        yield list(some)


def read_claims_of_several(session: Session) -> Iterator[tuple[int, list[Claim]]]:
    """What is said of each CI of which several sources say something, streamed."""
    several = (
        select(ExternalKey.ci_id)
        .where(ExternalKey.missing_run.is_(None), ExternalKey.source != MANUAL)
        .group_by(ExternalKey.ci_id)
        .having(func.count(func.distinct(ExternalKey.source)) > 1)
    )
    columns = (ExternalKey.ci_id, ExternalKey.source, ExternalKey.key, ExternalKey.said)
    statement = (
        select(*columns, ExternalKey.missing_run, ExternalKey.seen_at)
        .where(ExternalKey.ci_id.in_(several))
        .order_by(ExternalKey.ci_id, ExternalKey.source, ExternalKey.key)
    )
    for ci_id, some in groupby(_all(session, statement), key=lambda row: row[0]):
        yield ci_id, [Claim(row[1], row[2], row[3], row[4] is not None, row[5]) for row in some]


def read_same_names(session: Session) -> Iterator[list[Named]]:
    """CIs that are not retired, by name and class, where there are several."""
    living = ConfigurationItem.status != LifecycleStatus.RETIRED
    pair = (ConfigurationItem.folded_name, ConfigurationItem.ci_class)
    same = select(*pair).where(living).group_by(*pair).having(func.count() > 1).subquery()
    statement = (
        select(*pair, ConfigurationItem.id, ConfigurationItem.environment)
        .join(
            same,
            (same.c.folded_name == ConfigurationItem.folded_name)
            & (same.c.ci_class == ConfigurationItem.ci_class),
        )
        .where(living)
        .order_by(*pair, ConfigurationItem.id)
    )
    for _, some in groupby(_all(session, statement), key=lambda row: (row[0], row[1])):
        yield [Named(row[2], row[3]) for row in some]


def read_same_identifiers(session: Session) -> Iterator[tuple[str, str, list[int]]]:
    """(kind, value, CIs) of identifiers that several CIs have; retired CIs among them."""
    pair = (Identifier.kind, Identifier.value)
    surer = Identifier.kind != HOST
    same = select(*pair).where(surer).group_by(*pair).having(func.count() > 1).subquery()
    statement = (
        select(*pair, Identifier.ci_id)
        .join(same, (same.c.kind == Identifier.kind) & (same.c.value == Identifier.value))
        .order_by(*pair, Identifier.ci_id)
    )
    for (kind, value), some in groupby(_all(session, statement), key=lambda row: (row[0], row[1])):
        yield kind, value, [row[2] for row in some]


def read_kept_apart(session: Session) -> set[tuple[int, int]]:
    """Pairs of CIs that a person found to be two, the lower id first."""
    return {(row[0], row[1]) for row in _all(session, select(KeptApart.one_id, KeptApart.other_id))}


def read_in_a_cloud(session: Session, facts: Facts) -> Mask:
    """(n,) the CIs that a cloud knows by an id of its own."""
    found = np.zeros(len(facts.ids), np.bool_)
    ids = select(Identifier.ci_id).where(Identifier.kind == CLOUD_ID)
    found[facts.rows(row[0] for row in _all(session, ids))] = True
    return found


def read_groups(session: Session) -> Iterator[Group]:
    """The groups that need more members than they have."""
    count = func.count(ConfigurationItem.id)
    statement = (
        select(RedundancyGroup.dependent_id, RedundancyGroup.name, RedundancyGroup.min_up, count)
        .outerjoin(Relationship, Relationship.group_id == RedundancyGroup.id)
        .outerjoin(
            ConfigurationItem,
            (ConfigurationItem.id == Relationship.provider_id)
            & (ConfigurationItem.status != LifecycleStatus.RETIRED),
        )
        .where(~RedundancyGroup.min_up_is_percent)
        .group_by(RedundancyGroup.id)
        .having(count < RedundancyGroup.min_up)
        .order_by(RedundancyGroup.id)
    )
    yield from (Group(*row) for row in _all(session, statement))


def read_reviews(session: Session) -> list[Review]:
    """The records that wait."""
    rows = session.execute(
        select(
            IdentificationReview.id,
            IdentificationReview.source,
            IdentificationReview.name,
            IdentificationReview.candidates,
        )
        .where(IdentificationReview.state == ReviewState.OPEN)
        .order_by(IdentificationReview.id)
    )
    return [Review(row[0], row[1], row[2], [each["ci"] for each in row[3]]) for row in rows]


def read_names(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """The names of CIs by their ids."""
    wanted, found = sorted(set(ids)), dict[int, str]()
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        rows = session.execute(
            select(ConfigurationItem.id, ConfigurationItem.name).where(
                ConfigurationItem.id.in_(some)
            )
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def _all(session: Session, statement: Executable) -> Iterator[Any]:
    for some in _partitions(session, statement):
        yield from some


def _partitions(session: Session, statement: Executable) -> Iterator[Sequence[Any]]:
    # Past the ORM: it would make a row of a row, a million times.
    result = session.connection().execute(statement, execution_options={"yield_per": _CHUNK})
    yield from result.partitions()
