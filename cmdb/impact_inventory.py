"""What an impact analysis asks of the inventory, of today or of a past moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.orm import Session

from cmdb.as_of import states_of_relationships
from cmdb.kept_names import Named, NamesAt
from cmdb.moments import Moment, checked
from cmdb.past_references import PastCIs
from cmdb.references import CIReference, resolve
from cmdb.snapshots import DependencyGraph, GraphCache

__all__ = ["Inventory", "Named", "Past", "Present", "inventory_at"]

_CHUNK = 10_000  # SQLite takes 32,766 parameters a statement


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
    """The inventory of now. What the process has once read of it is not read again."""

    at = None

    def __init__(self, session: Session, cache: GraphCache) -> None:
        self._session = session
        self.graph = cache.current(session)
        # Another graph than the one held may be of a unit of work that is never committed.
        committed = self.graph is cache.held
        revision = self.graph.revision
        self._kept = cache.names.at(session, revision) if committed else NamesAt(revision)

    def resolve(self, references: Sequence[CIReference]) -> list[int]:
        """As `references.resolve`."""
        return resolve(self._session, references)

    def named(self, ids: Iterable[int]) -> Mapping[int, Named]:
        """CIs by id."""
        return self._kept.named(ids, self._rows)

    def types(self, ids: Collection[Any]) -> dict[int, str]:
        """The types of relationships, by id."""
        return self._kept.types(ids, self._rows)

    def group_names(self, ids: Collection[Any]) -> dict[int, str]:
        """The names of redundancy groups, by id."""
        return self._kept.group_names(ids, self._rows)

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
