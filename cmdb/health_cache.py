"""The last examination, kept while nothing changed: pages of findings are of one and the same."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cmdb.health import Examination, examine
from cmdb.health_rules import HealthRules
from cmdb.models import ImportRun
from opsatlas import revision
from opsatlas.audit import AuditEntry

_MAX_AGE = timedelta(minutes=1)
"""Time itself makes CIs stale, and what a load saw again leaves no other trace."""

_Stamp = tuple[int, int | None, int | None]


class HealthCache:
    """Hands out an examination. Any number of threads may ask at once; one of them examines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[_Stamp, Examination] | None = None

    def examined(self, session: Session, rules: HealthRules, moment: datetime) -> Examination:
        """What `examine` says, at most a minute old and never older than the last write."""
        stamp = _stamp(session)
        with self._lock:
            if self._kept is not None:
                kept, found = self._kept
                fresh = abs(moment - found.at) < _MAX_AGE
                if kept == stamp and fresh and found.rules == rules:
                    return found
            made = examine(session, rules, moment)
            self._kept = stamp, made
            return made


def _stamp(session: Session) -> _Stamp:
    return (
        revision.newest(session),
        session.scalar(select(func.max(AuditEntry.id))),
        session.scalar(select(func.max(ImportRun.id))),
    )
