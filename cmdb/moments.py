"""What has happened since a moment, read from the audit trail; the last few moments are kept."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Row, case, func, select
from sqlalchemy.orm import Session

from cmdb.taking_back import Entry, Past
from opsatlas.audit import AuditEntry
from opsatlas.clock import now, rfc3339
from opsatlas.errors import ErrorItem, InvalidInputError

CI, RELATIONSHIP, CI_CLASS, RELATIONSHIP_TYPE = (
    "ci",
    "relationship",
    "ci_class",
    "relationship_type",
)
"""Entities of the audit trail that make up an inventory."""

_ALL = (CI, RELATIONSHIP, CI_CLASS, RELATIONSHIP_TYPE)
_KEPT = 4
"""Moments that are kept: whoever looks at an outage asks about the same one again and again."""
_CHUNK = 5_000
_NO_NEW_VERSION = ("release", "delete")
_T = TypeVar("_T")


class FutureMomentError(InvalidInputError):
    """A moment that has not come yet."""

    code = "moment_in_future"


@dataclass(eq=False)
class Moment:
    """How the inventory was at a moment, told by what differs from how it is now."""

    at: datetime
    newest: int
    """Id of the newest entry that was taken back, or could have been."""
    cis: dict[int, Past] = field(default_factory=dict)
    relationships: dict[int, Past] = field(default_factory=dict)
    classes: dict[str, Past] = field(default_factory=dict)
    types: dict[str, Past] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    """What was made of it at some cost, such as its graph."""

    @property
    def is_now(self) -> bool:
        """Whether nothing has happened since."""
        return not (self.cis or self.relationships or self.classes or self.types)

    @cached_property
    def moved_from(self) -> dict[int, list[int]]:
        """By CI: relationships that led from or to it then, and were deleted or moved since."""
        found: dict[int, list[int]] = defaultdict(list)
        for relationship_id, past in self.relationships.items():
            for end in ("dependent", "provider"):
                if past.was_there and end in past.fields:
                    found[past.fields[end]].append(relationship_id)
        return found

    def take_back(self, entity: str, entity_id: str, entry: Entry) -> None:
        """Take one more entry back; the newest must come first."""
        if entity == CI:
            _past_of(self.cis, int(entity_id)).take_back(entry)
        elif entity == RELATIONSHIP:
            _past_of(self.relationships, int(entity_id)).take_back(entry)
        elif entity == CI_CLASS:
            _past_of(self.classes, entity_id).take_back(entry)
        else:
            _past_of(self.types, entity_id).take_back(entry)


class Moments:
    """The moments that were asked for last. Any number of threads may ask at once."""

    def __init__(self) -> None:
        self._moments: OrderedDict[datetime, Moment] = OrderedDict()
        self._lock = Lock()

    def get(self, session: Session, at: datetime) -> Moment:
        """The moment `at` (see `checked`) as `session` sees the database."""
        with self._lock:
            found = self._moments.get(at)
            if found is not None:
                self._moments.move_to_end(at)
        if found is not None and not _has_newer(session, found.newest):
            return found
        read = read_moment(session, at)
        if not read.is_now:  # else it costs nothing, and nobody will ask for just this one again
            with self._lock:
                self._moments[at] = read
                while len(self._moments) > _KEPT:
                    self._moments.popitem(last=False)
        return read


def checked(at: datetime, pointer: str = "/query/as_of") -> datetime:
    """A moment in UTC; without a zone it is taken as UTC. Raises FutureMomentError."""
    try:
        moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        detail = "the moment is beyond the calendar"
        item = ErrorItem(pointer, detail, str(at))
        raise InvalidInputError(detail, errors=[item]) from None
    if moment > now():
        detail = f"{rfc3339(moment)} is in the future"
        item = ErrorItem(pointer, detail, rfc3339(moment), "name a moment that has passed")
        raise FutureMomentError(detail, hint=item.hint, errors=[item])
    return moment


def read_moment(session: Session, at: datetime) -> Moment:
    """Everything that has happened to the inventory since `at`, taken back."""
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    found = Moment(at, newest)
    rows = session.execute(
        _entries(at).where(AuditEntry.entity.in_(_ALL)), execution_options={"yield_per": _CHUNK}
    )
    for row in rows:
        found.take_back(row.entity, row.entity_id, _entry(row))
    return found


def read_records(session: Session, at: datetime, entity: str, ids: Collection[int]) -> Moment:
    """The same for a few records alone, without reading what happened to all the others."""
    found = Moment(at, 0)
    for some in _some(sorted(ids)):
        statement = _entries(at).where(
            AuditEntry.entity == entity, AuditEntry.entity_id.in_([str(each) for each in some])
        )
        for row in session.execute(statement):
            found.take_back(entity, row.entity_id, _entry(row))
    return found


def last_changes(
    session: Session, entity: str, ids: Collection[int], at: datetime
) -> dict[int, datetime]:
    """When each record last got a new version, at `at` or before."""
    found: dict[int, datetime] = {}
    for some in _some(sorted(ids)):
        rows = session.execute(
            select(AuditEntry.entity_id, func.max(AuditEntry.at).label("last"))
            .where(
                AuditEntry.entity == entity,
                AuditEntry.entity_id.in_([str(each) for each in some]),
                AuditEntry.at <= at,
                AuditEntry.action.not_in(_NO_NEW_VERSION),
            )
            .group_by(AuditEntry.entity_id)
        )
        found |= {int(row.entity_id): row.last for row in rows}
    return found


def first_record(session: Session) -> datetime | None:
    """When the first CI was recorded: of what was before nothing is known."""
    return session.scalar(
        select(AuditEntry.at).where(AuditEntry.entity == CI).order_by(AuditEntry.id).limit(1)
    )


def _entries(at: datetime) -> Any:
    # What a creation wrote need not be read: before it there was nothing.
    after = case((AuditEntry.action != "create", AuditEntry.after), else_=None)
    return (
        select(
            AuditEntry.entity,
            AuditEntry.entity_id,
            AuditEntry.action,
            AuditEntry.before,
            after.label("changed"),
        )
        .where(AuditEntry.at > at)
        .order_by(AuditEntry.id.desc())
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.action, row.before, row.changed)


def _has_newer(session: Session, newest: int) -> bool:
    found = session.scalar(
        select(AuditEntry.id).where(AuditEntry.id > newest, AuditEntry.entity.in_(_ALL)).limit(1)
    )
    return found is not None


def _past_of(found: dict[_T, Past], key: _T) -> Past:
    past = found.get(key)
    if past is None:
        past = found[key] = Past()
    return past


def _some(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
