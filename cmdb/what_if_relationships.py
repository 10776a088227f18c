"""From the relationships that a caller supposes to what that means for the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.graph import GraphSnapshot
from cmdb.incoming import DEFAULT_TYPE
from cmdb.models import (
    Dependency,
    FailureDirection,
    RedundancyGroup,
    Relationship,
    RelationshipType,
)
from cmdb.references import resolve_at
from cmdb.relationship_checks import SaidRelationship, checked_relationship, refuse
from cmdb.relationship_types import type_vocabulary
from cmdb.relationship_words import DEFAULT_MIN_UP
from cmdb.values import MinUp
from cmdb.what_if import Supposed, SupposedRelationship
from cmdb.what_if_schemas import RelationshipReference, WhatIf
from opsatlas.errors import ErrorItem, InvalidInputError

_NEW_GROUPS = 2**62
"""Ids from here on are of groups that are only supposed."""


class NoSuchRelationshipSupposedError(InvalidInputError):
    """A relationship is supposed away that is not there."""

    code = "unresolved_relationship"


@dataclass(slots=True)
class SupposedWords:
    """The supposition in the graph's terms, and the names of what is only supposed."""

    supposed: Supposed
    types: dict[int, str] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)


def supposed_relationships(
    session: Session, snapshot: GraphSnapshot, what_if: WhatIf
) -> SupposedWords:
    """What the supposition removes from the snapshot and adds to it.

    Raises UnresolvedCIError, NoSuchRelationshipSupposedError, InvalidRelationshipError.
    """
    removed = _removed(session, what_if.remove_relationships)
    reading = _Reading(session, snapshot)
    for row in removed.values():
        reading.remove(row)
    reading.add(what_if)
    reading.keep_other_members()
    return SupposedWords(
        Supposed(sorted(reading.removed), reading.added, reading.limits),
        reading.types,
        reading.names,
    )


class _Reading:
    """What is supposed so far."""

    def __init__(self, session: Session, snapshot: GraphSnapshot) -> None:
        self._session = session
        self._snapshot = snapshot
        self.removed: set[int] = set()
        self.added: list[SupposedRelationship] = []
        self.limits: dict[int, tuple[int, MinUp]] = {}
        self.types: dict[int, str] = {}
        self.names: dict[int, str] = {}

    def remove(self, row: Relationship) -> None:
        """Suppose away a relationship; one that carries no failure is in no graph anyway."""
        self.removed.add(row.id)
        if row.group_id is not None:
            self._open_group(self._session.get_one(RedundancyGroup, row.group_id))

    def add(self, what_if: WhatIf) -> None:
        """Suppose the relationships that are to be added."""
        items = what_if.add_relationships
        at = [f"/what_if/add_relationships/{position}" for position in range(len(items))]
        errors: list[ErrorItem] = []
        types = type_vocabulary(self._session)
        said = [
            checked_relationship(
                item.model_dump(exclude={"dependent", "provider"}), place, types, errors
            )
            for item, place in zip(items, at, strict=True)
        ]
        dependents = _ends(self._session, [item.dependent for item in items], at, "dependent")
        providers = _ends(self._session, [item.provider for item in items], at, "provider")
        errors += _that_change_nothing(self._session, said, dependents, providers)
        refuse(errors)
        highest = int(np.iinfo(self._snapshot.relationship.dtype).max)
        limits: dict[int, MinUp] = {}
        for number, (each, dependent, provider) in enumerate(
            zip(said, dependents, providers, strict=True)
        ):
            group = None if each.group is None else self._group(dependent, each, limits)
            optional = each.dependency == Dependency.OPTIONAL
            added = SupposedRelationship(highest - number, dependent, provider, optional, group)
            self.added.append(added)
            self.types[added.id] = each.type or DEFAULT_TYPE

    def keep_other_members(self) -> None:
        """Say again what stays of the groups that change."""
        changed = [group for group in self.limits if group < _NEW_GROUPS]
        rows = self._session.execute(
            select(
                Relationship.id,
                Relationship.dependent_id,
                Relationship.provider_id,
                Relationship.group_id,
            )
            .join(RelationshipType, RelationshipType.name == Relationship.type)
            .where(Relationship.group_id.in_(changed), _CARRIES)
            .order_by(Relationship.id)
        )
        self.added += [
            SupposedRelationship(row.id, row.dependent_id, row.provider_id, False, row.group_id)
            for row in rows
            if row.id not in self.removed
        ]

    def _group(self, dependent: int, said: SaidRelationship, limits: dict[int, MinUp]) -> int:
        row = self._session.scalar(
            select(RedundancyGroup).where(
                RedundancyGroup.dependent_id == dependent, RedundancyGroup.name == said.group
            )
        )
        if row is not None:
            self._open_group(row)
            group = row.id
        else:
            new = [each for each in self.names if self._is_named(each, dependent, said.group)]
            group = new[0] if new else _NEW_GROUPS + len(self.names)
            self.names[group] = said.group or ""
            self.limits.setdefault(group, (dependent, DEFAULT_MIN_UP))
        if said.min_up is not None:
            if limits.setdefault(group, said.min_up) != said.min_up:
                message = f"min_up of the group {said.group!r} is said twice: {limits[group]} and "
                message += str(said.min_up)
                hint = "one group has one"
                refuse([ErrorItem(f"{said.at}/min_up", message, str(said.min_up), hint)])
            self.limits[group] = (dependent, said.min_up)
        return group

    def _is_named(self, group: int, dependent: int, name: str | None) -> bool:
        return self.names[group] == name and self.limits[group][0] == dependent

    def _open_group(self, row: RedundancyGroup) -> None:
        if row.id not in self.limits:
            self.limits[row.id] = (row.dependent_id, MinUp(row.min_up, row.min_up_is_percent))


_CARRIES = RelationshipType.failure_direction == FailureDirection.PROVIDER_TO_DEPENDENT


def _removed(
    session: Session, references: Sequence[RelationshipReference]
) -> dict[int, Relationship]:
    at = [f"/what_if/remove_relationships/{position}" for position in range(len(references))]
    pairs = [place for place, each in zip(at, references, strict=True) if each.id is None]
    by_pair = [each for each in references if each.id is None]
    found_dependents = _ends(session, [each.dependent for each in by_pair], pairs, "dependent")
    found_providers = _ends(session, [each.provider for each in by_pair], pairs, "provider")
    ends = dict(zip(pairs, zip(found_dependents, found_providers, strict=True), strict=True))
    found: dict[int, Relationship] = {}
    errors: list[ErrorItem] = []
    for place, each in zip(at, references, strict=True):
        if each.id is not None:
            where = [Relationship.id == each.id]
            message = f"there is no relationship {each.id}"
        else:
            where = [
                Relationship.dependent_id == ends[place][0],
                Relationship.provider_id == ends[place][1],
            ]
            message = "there is no such relationship"
            if each.type is not None:
                where.append(Relationship.type == each.type)
        rows = session.scalars(select(Relationship).where(*where)).all()
        if not rows:
            value = each.model_dump(exclude_none=True, mode="json")
            hint = "GET /relationships lists them; a dependent needs its provider"
            errors.append(ErrorItem(place, message, value, hint))
        found |= {row.id: row for row in rows}
    if errors:
        raise NoSuchRelationshipSupposedError(errors[0].detail, hint=errors[0].hint, errors=errors)
    return found


def _that_change_nothing(
    session: Session,
    said: Sequence[SaidRelationship],
    dependents: Sequence[int],
    providers: Sequence[int],
) -> list[ErrorItem]:
    carrying = set(session.scalars(select(RelationshipType.name).where(_CARRIES)))
    errors = []
    for each, dependent, provider in zip(said, dependents, providers, strict=True):
        if dependent == provider:
            message = "a CI cannot depend on itself"
            errors.append(ErrorItem(f"{each.at}/provider", message, hint="name two CIs"))
        elif each.type is not None and each.type not in carrying:
            message = f"no failure travels along {each.type!r}: it would change nothing"
            hint = "GET /relationship-types says which types carry failure"
            errors.append(ErrorItem(f"{each.at}/type", message, each.type, hint))
    return errors


def _ends(session: Session, references: Sequence[Any], at: Sequence[str], column: str) -> list[int]:
    return resolve_at(session, references, [f"{place}/{column}" for place in at])
