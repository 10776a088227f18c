"""The health report and its daily record: the units of work around `cmdb.health`."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from cmdb.health import Examination, Scope, examine
from cmdb.health_cache import HealthCache
from cmdb.health_report import report, whole_and_parts
from cmdb.health_rules import HealthRules
from cmdb.health_rules_file import health_rules
from cmdb.health_schemas import HealthReport
from cmdb.health_trend import is_due, record
from opsatlas import jobs
from opsatlas.actor import SYSTEM, Actor
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.settings import Settings

RECORD = "cmdb.health"
"""Kind of the job that keeps the numbers of the day."""

_LOOK_EVERY = 60.0
"""Seconds between two looks whether the day's record is due."""


def rules_of(settings: Settings) -> HealthRules:
    """The rules that the settings name. Raises InvalidHealthRulesError."""
    return health_rules(Path(settings.health_rules) if settings.health_rules else None)


def health_report(
    engine: Engine, settings: Settings, cache: HealthCache, scope: Scope
) -> HealthReport:
    """The report on a part of the inventory, as it is now."""
    begun = time.perf_counter()
    rules = rules_of(settings)
    with reading(engine) as session:
        found = report(session, cache.examined(session, rules, now()), scope)
    found.took_ms = round((time.perf_counter() - begun) * 1000, 1)
    return found


def record_now(engine: Engine, examination: Examination, actor: Actor) -> None:
    """Keep the numbers of an examination as those of its day."""
    whole, parts = whole_and_parts(examination)
    with transaction(engine) as session:
        record(session, examination.at, whole, parts, actor)


def run_record(engine: Engine, settings: Settings, _payload: dict[str, Any]) -> None:
    """The job: record the day, unless someone has."""
    rules, moment = rules_of(settings), now()
    with reading(engine) as session:
        if not is_due(session, moment):
            return
        examination = examine(session, rules, moment)
    record_now(engine, examination, SYSTEM)


class DailyRecord:
    """A worker's chore: queues the record of the day once something was loaded."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._wanted = settings.health_record_after_loads
        self._lock = threading.Lock()
        self._next_look = 0.0

    def __call__(self) -> None:
        """Look at most once a minute."""
        with self._lock:
            if not self._wanted or time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + _LOOK_EVERY
        with reading(self._engine) as session:
            due = is_due(session, now())
        if due:
            with transaction(self._engine) as session:
                jobs.enqueue(session, RECORD, {}, unique_key=RECORD)
