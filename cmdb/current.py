"""Read what a load may touch, column by column: no object of the ORM is made for a row."""

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cmdb.claims import Claim
from cmdb.identification import kinds_of
from cmdb.identifiers import identifiers
from cmdb.importers.records import Kind
from cmdb.incoming import ABSENT, CI_CLASS, STATUS, STORED, Incoming, IncomingCI
from cmdb.merged import follow, joined_among
from cmdb.models import (
    ConfigurationItem,
    ExternalKey,
    Identifier,
    LifecycleStatus,
    RedundancyGroup,
    Relationship,
    RelationshipSource,
)
from cmdb.names import fold
from cmdb.plan import (
    Current,
    CurrentCI,
    CurrentGroup,
    CurrentRelationship,
    Identity,
    MergedCI,
    Rules,
    StoredRecord,
)
from cmdb.relationship_words import SILENT, Word
from cmdb.values import MinUp

_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement
_WHOLE = 50_000
"""Wanted values above which reading the whole table beats asking for each."""

_Column = InstrumentedAttribute[Any]
_CI_COLUMNS: tuple[_Column, ...] = (
    ConfigurationItem.id,
    ConfigurationItem.folded_name,
    *(getattr(ConfigurationItem, name) for name in STORED),
    ConfigurationItem.attributes,
    ConfigurationItem.merged_into,
)
_KEY_COLUMNS: tuple[_Column, ...] = (ExternalKey.source, ExternalKey.key, ExternalKey.ci_id)
_RECORD_COLUMNS: tuple[_Column, ...] = (
    *_KEY_COLUMNS,
    ExternalKey.said,
    ExternalKey.set_by,
    ExternalKey.seen_at,
    ExternalKey.missing_run,
    ExternalKey.merge_id,
)
_IDENTIFIER_COLUMNS: tuple[_Column, ...] = (Identifier.kind, Identifier.value, Identifier.ci_id)
_RELATIONSHIP_COLUMNS: tuple[_Column, ...] = (
    Relationship.id,
    Relationship.dependent_id,
    Relationship.provider_id,
    Relationship.type,
    Relationship.group_id,
    Relationship.dependency,
)
_WORD_COLUMNS: tuple[_Column, ...] = (
    RelationshipSource.relationship_id,
    RelationshipSource.source,
    RelationshipSource.dependency,
    RelationshipSource.min_up,
)
_GROUP_COLUMNS: tuple[_Column, ...] = (
    RedundancyGroup.id,
    RedundancyGroup.dependent_id,
    RedundancyGroup.name,
    RedundancyGroup.min_up,
    RedundancyGroup.min_up_is_percent,
)


def read_current(
    session: Session, rules: Rules, incoming: Incoming, *, all_of_source: bool
) -> Current:
    """The CIs that the input may mean, and the relationships that it may change.

    `all_of_source` adds everything else that the source has reported (to see what is missing).
    """
    current = Current()
    source = rules.source
    ends = {end for row in incoming.relationships for end in (row.dependent, row.provider)}
    keys = {ci.key for ci in incoming.cis} | ends
    names = {ci.folded_name for ci in incoming.cis} | {fold(end) for end in ends}
    ids = {row[2] for row in _rows(session, _KEY_COLUMNS, ExternalKey.key, keys)}
    ids |= _read_identifiers(session, current, incoming.cis, rules)
    if all_of_source and Kind.CI in incoming.kinds:
        ids.update(session.scalars(select(ExternalKey.ci_id).where(ExternalKey.source == source)))
    _read_cis(session, current, names, ids)
    _read_merged(session, current)
    if incoming.cis or all_of_source:
        _read_records(session, current, source)
    else:
        _read_keys(session, current, source)
    if Kind.RELATIONSHIP in incoming.kinds:
        _read_relationships(session, current, source, all_of_source=all_of_source)
    return current


def read_known(session: Session, ids: set[int]) -> Current:
    """The CIs with these ids, and what is said of them; without those that became part of another
    one, of which nothing is said."""
    current = Current()
    _read_cis(session, current, set(), ids)
    _read_records(session, current, "")
    return current


def _read_cis(session: Session, current: Current, names: set[str], ids: set[int]) -> None:
    def take(rows: Iterable[Any]) -> None:
        for row in rows:
            if row[0] in current.cis:
                continue
            if row[-1] is not None:
                current.merged[row[0]] = MergedCI(row[1], row[-1])
                continue
            values = tuple(
                sys.intern(value) if isinstance(value, str) and position in _REPEATED else value
                for position, value in enumerate(row[2:-2])
            )
            ci = CurrentCI(row[0], row[1], values, row[-2])
            current.cis[ci.id] = ci
            current.names.setdefault(ci.folded_name, []).append(ci.id)

    take(_rows(session, _CI_COLUMNS, ConfigurationItem.folded_name, names))
    take(_rows(session, _CI_COLUMNS, ConfigurationItem.id, ids - current.cis.keys()))


def _read_merged(session: Session, current: Current) -> None:
    """Let the names and identifiers of CIs that became part of others lead on to those."""
    goals = follow(session, current.merged)
    _read_cis(session, current, set(), set(goals.values()))
    for ci_id, merged in current.merged.items():
        goal = goals[ci_id]
        current.merged[ci_id] = merged._replace(into=goal)
        there = current.names.setdefault(merged.folded_name, [])
        if not any(current.cis[each].values[STATUS] != LifecycleStatus.RETIRED for each in there):
            there.append(goal)
    for identifier, ids in current.identifiers.items():
        current.identifiers[identifier] = list(dict.fromkeys(goals.get(each, each) for each in ids))
    current.joined.update(joined_among(session, current.cis))


_REPEATED = frozenset(
    STORED.index(name) for name in ("ci_class", "status", "environment", "owner", "support_group")
)
"""Few texts, many rows: each text is kept once."""


def _read_identifiers(
    session: Session, current: Current, cis: Iterable[IncomingCI], rules: Rules
) -> set[int]:
    """Take in the identifiers of which the input names the value; returns the ids of their CIs."""
    wanted: dict[str, set[tuple[str, str]]] = {}
    for ci in cis:
        said_class = rules.classes.find(ci.values[CI_CLASS])
        if said_class is None:
            continue
        fields = {
            name: value
            for name, value in zip(STORED, ci.values, strict=True)
            if value is not ABSENT
        }
        kinds = kinds_of(rules.steps(said_class))
        found = identifiers(kinds, fields["name"], fields, ci.attributes)
        for kind, value in found:
            wanted.setdefault(value, set()).add((kind, value))
    ids: set[int] = set()
    for kind, value, ci_id in _rows(session, _IDENTIFIER_COLUMNS, Identifier.value, wanted.keys()):
        if (kind, value) in wanted[value]:
            current.identifiers.setdefault((kind, value), []).append(ci_id)
            ids.add(ci_id)
    return ids


def _read_records(session: Session, current: Current, source: str) -> None:
    for row_source, key, ci_id, said, set_by, seen_at, missing_run, merge_id in _rows(
        session, _RECORD_COLUMNS, ExternalKey.ci_id, current.cis.keys()
    ):
        claim = Claim(
            sys.intern(row_source),
            key,
            said,
            missing_run is not None,
            seen_at,
            merge_id is not None,
        )
        current.records.setdefault(ci_id, []).append(StoredRecord(claim, set_by, missing_run))
        _take_key(current, source, row_source, key, ci_id)
        if row_source == source and missing_run is None:
            current.in_source.add(ci_id)


def _read_keys(session: Session, current: Current, source: str) -> None:
    """The keys alone: enough where the input says nothing of CIs."""
    wanted = current.cis.keys()
    for row_source, key, ci_id in _rows(session, _KEY_COLUMNS, ExternalKey.ci_id, wanted):
        _take_key(current, source, row_source, key, ci_id)


def _take_key(current: Current, source: str, row_source: str, key: str, ci_id: int) -> None:
    if row_source == source:
        current.keys[key] = ci_id
    else:
        current.other_keys.setdefault(key, set()).add(ci_id)


def _read_relationships(
    session: Session, current: Current, source: str, *, all_of_source: bool
) -> None:
    dependents = current.cis.keys()
    group_names: dict[int, str] = {}

    def take_groups(rows: Iterable[Any]) -> None:
        for group_id, dependent, name, min_up, is_percent in rows:
            group_names[group_id] = sys.intern(name)
            current.groups[dependent, name] = CurrentGroup(group_id, MinUp(min_up, is_percent))

    def take(rows: Iterable[Any]) -> None:
        for relationship_id, dependent, provider, type_name, group_id, dependency in rows:
            identity: Identity = (
                dependent,
                provider,
                sys.intern(type_name),
                None if group_id is None else group_names[group_id],
            )
            current.relationships[identity] = CurrentRelationship(
                relationship_id, sys.intern(dependency)
            )

    take_groups(_rows(session, _GROUP_COLUMNS, RedundancyGroup.dependent_id, dependents))
    take(_rows(session, _RELATIONSHIP_COLUMNS, Relationship.dependent_id, dependents))
    words: dict[Word, Word] = {}

    def take_words(rows: Iterable[Any]) -> None:
        for relationship_id, row_source, dependency, min_up in rows:
            word = Word(dependency, min_up)
            word = words.setdefault(word, word)
            if row_source == source:
                current.claimed[relationship_id] = word
                continue
            current.claimed_by_others.add(relationship_id)
            if word != SILENT:
                said = current.said_by_others.setdefault(relationship_id, {})
                said[sys.intern(row_source)] = word

    known = {relationship.id for relationship in current.relationships.values()}
    of_others = None
    if all_of_source:
        of_others = RelationshipSource.source != source
        take_words(session.execute(select(*_WORD_COLUMNS).where(~of_others)))
        rest = current.claimed.keys() - known
        groups = _rows(session, (Relationship.group_id, Relationship.id), Relationship.id, rest)
        unknown = {row[0] for row in groups} - group_names.keys() - {None}
        take_groups(_rows(session, _GROUP_COLUMNS, RedundancyGroup.id, unknown))
        take(_rows(session, _RELATIONSHIP_COLUMNS, Relationship.id, rest))
        known |= rest
    identifier = RelationshipSource.relationship_id
    take_words(_rows(session, _WORD_COLUMNS, identifier, known, of_others))


def _rows(
    session: Session,
    columns: tuple[_Column, ...],
    column: _Column,
    wanted: Collection[Any],
    condition: ColumnElement[bool] | None = None,
) -> Iterator[Any]:
    """Rows whose `column` (one of `columns`) is among `wanted`, streamed."""
    statement = select(*columns)
    if condition is not None:
        statement = statement.where(condition)
    if len(wanted) > _WHOLE:
        position = [each is column for each in columns].index(True)
        found = session.execute(statement, execution_options={"yield_per": _CHUNK})
        yield from (row for row in found if row[position] in wanted)
        return
    ordered = list(wanted)
    for start in range(0, len(ordered), _CHUNK):
        yield from session.execute(statement.where(column.in_(ordered[start : start + _CHUNK])))
