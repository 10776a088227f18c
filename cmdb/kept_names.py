"""Names that the process has read once: of CIs, relationship types and redundancy groups.

Filled as answers need them and in step by revision, so that most answers are named without SQL.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem, RedundancyGroup, Relationship
from opsatlas import revision

KEPT = 200_000
"""Names of each kind that are kept at most: some 60 MB of CIs, 20 MB of the others."""

_CI, _RELATIONSHIP = "ci", "relationship"
_CIS = ConfigurationItem.__table__.c
CI_NAMES = select(
    _CIS.id, _CIS.name, _CIS.ci_class, _CIS.criticality, _CIS.owner, _CIS.support_group
)
RELATIONSHIP_TYPES = select(Relationship.__table__.c.id, Relationship.__table__.c.type)
GROUP_NAMES = select(RedundancyGroup.__table__.c.id, RedundancyGroup.__table__.c.name)

_Kept = TypeVar("_Kept")
Fetch = Callable[[Select[*tuple[Any, ...]], Iterable[int]], Iterable[Any]]
"""The rows of a statement whose first column is among the ids."""


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


class KeptCI(NamedTuple):
    """A CI as `CI_NAMES` reads it."""

    id: int
    name: str
    ci_class: str
    criticality: int | None
    owner: str | None
    support_group: str | None


class NamesAt:
    """The names of one revision, as far as they were asked for. Any number of threads may ask."""

    def __init__(self, revision_: int) -> None:
        self.revision = revision_
        self._cis: dict[int, KeptCI] = {}
        self._types: dict[int, str] = {}
        self._groups: dict[int, str] = {}

    def named(self, ids: Iterable[int], fetch: Fetch) -> Mapping[int, Named]:
        """CIs by id."""
        return _found(self._cis, ids, lambda some: map(KeptCI._make, fetch(CI_NAMES, some)))

    def keep(self, ci: KeptCI) -> None:
        """Keep a CI that was read for another reason."""
        if len(self._cis) >= KEPT:
            self._cis.clear()
        self._cis[ci.id] = ci

    def types(self, ids: Collection[Any], fetch: Fetch) -> dict[int, str]:
        """The types of relationships, by id."""
        return _found(self._types, ids, lambda some: fetch(RELATIONSHIP_TYPES, some), _word)

    def group_names(self, ids: Collection[Any], fetch: Fetch) -> dict[int, str]:
        """The names of redundancy groups, by id."""
        return _found(self._groups, ids, lambda some: fetch(GROUP_NAMES, some), _word)

    def after(self, newer: int, changed: Mapping[str, Collection[int]]) -> NamesAt:
        """Those that are still true at a newer revision."""
        found = NamesAt(newer)
        found._cis = _without(self._cis, changed[_CI])
        found._types = _without(self._types, changed[_RELATIONSHIP])
        if not changed[_RELATIONSHIP]:  # a group is changed through its members
            found._groups = self._groups
        return found


class KeptNames:
    """Hands out the names of a revision."""

    def __init__(self) -> None:
        self._newest = NamesAt(-1)
        self._moving = threading.Lock()

    @property
    def newest(self) -> NamesAt:
        """Those of the newest revision that was asked for."""
        return self._newest

    def at(self, session: Session, wanted: int) -> NamesAt:
        """Those of revision `wanted`, which is that of the database as `session` sees it."""
        if self._newest.revision == wanted:
            return self._newest
        with self._moving:
            kept = self._newest
            if kept.revision == wanted:
                return kept
            # None for a revision that is newer than the database, too: that of a backup.
            changes = revision.changed_since(session, kept.revision, (_CI, _RELATIONSHIP))
            moved = NamesAt(wanted) if changes is None else kept.after(wanted, changes.ids)
            self._newest = moved
            return moved


def _found(
    kept: dict[int, _Kept],
    ids: Iterable[int],
    fetch: Callable[[Iterable[int]], Iterable[Any]],
    of_row: Callable[[Any], _Kept] = lambda row: row,
) -> dict[int, _Kept]:
    """What is kept of these ids, and fetched and kept what is not."""
    wanted = ids if isinstance(ids, Collection) else list(ids)
    found = {each: value for each in wanted if (value := kept.get(each)) is not None}
    if len(found) < len(wanted):
        fresh = {row[0]: of_row(row) for row in fetch(set(wanted) - found.keys())}
        if len(kept) + len(fresh) > KEPT:
            kept.clear()
        if len(fresh) <= KEPT:
            kept.update(fresh)
        found |= fresh
    return found


def _word(row: Any) -> str:
    """The second value, one object for all the rows that have it."""
    return sys.intern(row[1])


def _without(kept: dict[int, _Kept], changed: Collection[int]) -> dict[int, _Kept]:
    if not changed:
        return kept  # a name that is added later is as true of the older revision
    left = kept.copy()  # at one go: other threads may be adding
    for each in changed:
        left.pop(each, None)
    return left
