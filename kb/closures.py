"""How the incidents of a known error were closed, kept between questions.

A known error may have thousands of them. Reading each for every question took half a second, so
their times are kept, and read again where the incidents have changed: their number, the sums of
their ids and versions, and the time of the newest edit say so. That look reads one index alone, and
is spared as long as no record was written at all.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from kb.chunks import chunks
from kb.field_types import IncidentStatus, ResolutionCode
from kb.models import Incident
from kb.visibility import is_readable
from opsatlas import revision
from opsatlas.db.prepared import listed, prepared

REMEMBERED = 20_000
"""Known errors that are kept, the most recently asked for."""

_SOLVED = (ResolutionCode.FIXED.value, ResolutionCode.WORKAROUND.value)
_ENDED = (IncidentStatus.RESOLVED.value, IncidentStatus.CLOSED.value)

Groups = frozenset[str] | None


def ended_well(groups: Groups) -> ColumnElement[bool]:
    """Whether an incident that a caller in `groups` may read was solved."""
    return and_(
        # No index on it would be used then: nearly all incidents have ended.
        Incident.status.concat("").in_(_ENDED),
        Incident.resolution_code.in_(_SOLVED),
        is_readable(Incident, groups),
    )


def closed_at() -> ColumnElement[datetime]:
    """When that was."""
    return func.coalesce(Incident.resolved_at, Incident.closed_at, Incident.opened_at)


@dataclass(frozen=True, slots=True)
class Closed:
    """Incidents of one known error that ended well."""

    seconds: NDArray[np.float64]
    """When each did, since 1970."""

    @property
    def last(self) -> datetime | None:
        """When the newest did."""
        if not len(self.seconds):
            return None
        return datetime.fromtimestamp(float(self.seconds.max()), UTC)

    def weight(self, at: datetime, half_life: float) -> float:
        """Sum of what each counts at `at`: half after `half_life` seconds."""
        age = np.maximum(at.timestamp() - self.seconds, 0.0)
        return float((0.5 ** (age / half_life)).sum())


_Version = tuple[int, int, int, datetime]


@dataclass(frozen=True, slots=True)
class _Kept:
    revision: int
    """Of the database when it was last looked at."""
    version: _Version | None
    """None of what has no incidents."""
    closed: Closed | None


class Closures:
    """One a process; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Groups], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, session: Session, known_errors: Collection[str], groups: Groups
    ) -> dict[str, Closed]:
        """By number, of known errors that have incidents."""
        at = revision.newest(session)
        with self._lock:
            kept = {
                number: found
                for number in known_errors
                if (found := self._kept.get((number, groups))) is not None
            }
        old = [
            number for number in known_errors if number not in kept or kept[number].revision < at
        ]
        versions = _versions(session, old)
        stale = {
            number
            for number, version in versions.items()
            if number not in kept or kept[number].version != version
        }
        read = _read(session, stale, groups)
        for number in old:
            version = versions.get(number)
            closed = read.get(number) or (kept[number].closed if version else None)
            kept[number] = _Kept(at, version, closed)
        with self._lock:
            for number, each in kept.items():
                self._kept[number, groups] = each
                self._kept.move_to_end((number, groups))
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return {number: each.closed for number, each in kept.items() if each.closed is not None}


def _versions(session: Session, known_errors: Collection[str]) -> dict[str, _Version]:
    found: dict[str, _Version] = {}
    for chunk in chunks(known_errors):
        for number, count, ids, versions, newest in session.execute(
            _VERSIONS, {"known_errors": chunk}
        ):
            # PostgreSQL sums to decimals.
            found[number or ""] = (count, int(ids), int(versions), newest)
    return found


_VERSIONS = (
    select(
        Incident.known_error,
        func.count(),
        func.sum(Incident.id),
        func.sum(Incident.version),
        func.max(Incident.updated_at),
    )
    .where(Incident.known_error.in_(listed("known_errors")))
    .group_by(Incident.known_error)
)


def _read(session: Session, known_errors: Collection[str], groups: Groups) -> dict[str, Closed]:
    times: dict[str, list[float]] = {number: [] for number in known_errors}
    for chunk in chunks(known_errors):
        for number, moment in session.execute(_times(groups), {"known_errors": chunk}):
            times[number or ""].append(moment.timestamp())
    return {number: Closed(np.array(each, np.float64)) for number, each in times.items()}


@prepared
def _times(groups: Groups) -> Select[str | None, datetime]:
    return select(Incident.known_error, closed_at()).where(
        Incident.known_error.in_(listed("known_errors")), ended_well(groups)
    )
