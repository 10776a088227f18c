"""What an impact analysis asks of the inventory, of today or of a past moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from cmdb.as_of import states_of_relationships
from cmdb.models import ConfigurationItem, RedundancyGroup, Relationship
from cmdb.moments import Moment, checked
from cmdb.past_references import PastCIs
from cmdb.references import CIReference, resolve
from cmdb.snapshots import DependencyGraph, GraphCache

_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement


class Named(Protocol):
    """What an answer says of a CI."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def ci_class(self) -> str: ...
    @property
    def criticality(self) -> int | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def support_group(self) -> str | None: ...


class Inventory(Protocol):
    """The inventory of one time."""

    @property
    def at(self) -> datetime | None:
        """The past moment; None for now."""

    @property
    def graph(self) -> DependencyGraph:
        """Made where it is not at hand."""

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        """As `references.resolve`."""

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        """CIs by id."""

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        """The types of relationships, by id."""

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        """The names of redundancy groups, by id."""


def inventory_at(session: Session, cache: GraphCache, at: datetime | None) -> Inventory:
    """The inventory of now, or of a past moment. Raises FutureMomentError."""
    if at is None:
        return Present(session, cache)
    checked_at = checked(at, "/as_of")
    return Past(session, cache, cache.moments.get(session, checked_at))


class Present:
    """The inventory of now."""

    at = None

    def __init__(self, session: Session, cache: GraphCache) -> None:
        self._session = session
        self._cache = cache

    @property
    def graph(self) -> DependencyGraph:
        """The graph at the newest revision."""
        return self._cache.current(self._session)

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        """As `references.resolve`."""
        return resolve(self._session, references)

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        """CIs by id."""
        statement = select(
            ConfigurationItem.id,
            ConfigurationItem.name,
            ConfigurationItem.ci_class,
            ConfigurationItem.criticality,
            ConfigurationItem.owner,
            ConfigurationItem.support_group,
        )
        return {row.id: row for row in self._rows(statement, ids)}

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        """The types of relationships, by id."""
        return dict(map(tuple, self._rows(select(Relationship.id, Relationship.type), ids)))

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        """The names of redundancy groups, by id."""
        statement = select(RedundancyGroup.id, RedundancyGroup.name)
        return dict(map(tuple, self._rows(statement, ids)))

    def _rows(self, statement: Select[*tuple[Any, ...]], ids: Iterable[int]) -> Iterator[Any]:
        """The rows whose first column is among the ids."""
        wanted = sorted(ids)
        key = statement.selected_columns[0]
        for start in range(0, len(wanted), _CHUNK):
            some = key.in_(wanted[start : start + _CHUNK])
            yield from self._session.execute(statement.where(some))


class Past:
    """The inventory of a past moment."""

    def __init__(self, session: Session, cache: GraphCache, moment: Moment) -> None:
        self._session = session
        self._moment = moment
        self._cis = PastCIs(session, moment)
        self._graph = cache.at(session, moment)
        self.at = moment.at

    @property
    def graph(self) -> DependencyGraph:
        """The graph as it was."""
        return self._graph.graph

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        """As `references.resolve`."""
        return resolve(self._session, references, among=self._cis)

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        """CIs by id."""
        return self._cis.named(ids)

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        """The types of relationships, by id."""
        states = states_of_relationships(self._session, self._moment, ids)
        return {each: state["type"] for each, state in states.items()}

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        """The names of redundancy groups, by id."""
        return {each: self._graph.group_names[each] for each in ids}
