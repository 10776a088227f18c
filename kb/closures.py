"""How the incidents of a known error were closed, kept between questions.

A known error may have thousands of them. Reading each for every question took half a second, so
their times are kept, and read again where the incidents have changed: their number, the sums of
their ids and versions, and the time of the newest edit say so. That look reads one index alone.
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

REMEMBERED = 20_000
"""Known errors that are kept, the most recently asked for."""

_SOLVED = (ResolutionCode.FIXED.value, ResolutionCode.WORKAROUND.value)
_ENDED = (IncidentStatus.RESOLVED.value, IncidentStatus.CLOSED.value)

Groups = frozenset[str] | None


def ended_well(groups: Groups) -> ColumnElement[bool]:
    """Whether an incident that a caller in `groups` may read was solved."""
    return and_(
        Incident.status.in_(_ENDED),
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


class Closures:
    """One a process; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Groups], tuple[_Version, Closed]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, session: Session, known_errors: Collection[str], groups: Groups
    ) -> dict[str, Closed]:
        """By number, of known errors that have incidents."""
        versions = _versions(session, known_errors)
        found: dict[str, Closed] = {}
        with self._lock:
            for number, version in versions.items():
                kept = self._kept.get((number, groups))
                if kept is not None and kept[0] == version:
                    found[number] = kept[1]
                    self._kept.move_to_end((number, groups))
        read = _read(session, versions.keys() - found.keys(), groups)
        with self._lock:
            for number, closed in read.items():
                self._kept[number, groups] = versions[number], closed
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return found | read


def _versions(session: Session, known_errors: Collection[str]) -> dict[str, _Version]:
    found: dict[str, _Version] = {}
    for chunk in chunks(known_errors):
        for number, count, ids, versions, newest in session.execute(_version_of(chunk)):
            # PostgreSQL sums to decimals.
            found[number or ""] = (count, int(ids), int(versions), newest)
    return found


def _version_of(known_errors: Collection[str]) -> Select[str | None, int, int, int, datetime]:
    return (
        select(
            Incident.known_error,
            func.count(),
            func.sum(Incident.id),
            func.sum(Incident.version),
            func.max(Incident.updated_at),
        )
        .where(Incident.known_error.in_(known_errors))
        .group_by(Incident.known_error)
    )


def _read(session: Session, known_errors: Collection[str], groups: Groups) -> dict[str, Closed]:
    times: dict[str, list[float]] = {number: [] for number in known_errors}
    for chunk in chunks(known_errors):
        rows = session.execute(
            select(Incident.known_error, closed_at()).where(
                Incident.known_error.in_(chunk), ended_well(groups)
            )
        )
        for number, moment in rows:
            times[number or ""].append(moment.timestamp())
    return {number: Closed(np.array(each, np.float64)) for number, each in times.items()}
