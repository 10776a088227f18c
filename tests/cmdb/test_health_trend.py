"""The trend: one record a day of the whole and of each part, and the change since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from cmdb.health import Scope
from cmdb.health_models import HealthSnapshot
from cmdb.health_report import report, whole_and_parts
from cmdb.health_schemas import HealthReport
from cmdb.health_trend import is_due, record, trend
from opsatlas.actor import SYSTEM
from opsatlas.clock import now
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from tests.cmdb.healthy import examined, put

QUIET = 'stale_after_days = 0\n[completeness.application]\nrequired = ["owner"]\n'
GOOD = "name,ci_class,owner,environment,support_group,criticality\n"
WITH, WITHOUT = "a,generic,Ann,test,g,1\n", "b,generic,,,,\n"


def recorded(engine: Engine, days_ago: float) -> None:
    moment = now() - timedelta(days=days_ago)
    whole, parts = whole_and_parts(examined(engine, QUIET, moment))
    with transaction(engine) as session:
        record(session, moment, whole, parts, SYSTEM)


def reported(engine: Engine, scope: Scope | None = None) -> HealthReport:
    examination = examined(engine, QUIET)
    with reading(engine) as session:
        return report(session, examination, scope or Scope())


def test_the_report_tells_the_change_since_the_last_day_and_since_thirty_days_ago(
    engine: Engine,
) -> None:
    put(engine, GOOD + WITH + "c,generic,Ann,test,,\n", "dependent,provider\na,c\n")
    assert reported(engine).since_last is None
    recorded(engine, 40)
    put(engine, GOOD + WITHOUT, "dependent,provider\nb,a\n")
    recorded(engine, 2)
    put(engine, GOOD + "d,generic,Ann,test,,\n", "dependent,provider\nd,a\n")
    recorded(engine, 0)
    whole = reported(engine)
    assert whole.score == 97.5
    assert whole.since_last is not None
    assert whole.since_30_days is not None
    assert (whole.since_last.score, whole.since_last.change) == (96.7, 0.8)
    assert (whole.since_30_days.score, whole.since_30_days.change) == (100, -2.5)
    anns = reported(engine, Scope(owners=("Ann",)))
    assert anns.since_30_days is not None
    assert anns.since_30_days.change == 0
    with reading(engine) as session:
        points = trend(session, Scope(classes=("generic",)), now() - timedelta(days=90))
        assert [each.configuration_items for each in points] == [4, 3, 2]
        nobodys = trend(session, Scope(owners=("",)), now() - timedelta(days=90))
        assert [each.score for each in nobodys] == [90, 90]
        natives = trend(session, Scope(sources=("native",)), now() - timedelta(days=30))
        assert [each.score for each in natives] == [97.5, 96.7]


def test_a_day_is_kept_once_and_two_years_are_enough(sqlite_engine: Engine) -> None:
    put(sqlite_engine, GOOD + WITH)
    recorded(sqlite_engine, 801)
    recorded(sqlite_engine, 1)
    recorded(sqlite_engine, 1)
    recorded(sqlite_engine, 0)
    with reading(sqlite_engine) as session:
        days = session.scalar(select(func.count(HealthSnapshot.at.distinct())))
        assert days == 2


def test_a_record_is_due_once_a_day_after_a_load(sqlite_engine: Engine) -> None:
    def due(days_ahead: float = 0) -> bool:
        with reading(sqlite_engine) as session:
            return is_due(session, now() + timedelta(days=days_ahead))

    assert not due()
    put(sqlite_engine, GOOD + WITH)
    assert due()
    recorded(sqlite_engine, 0)
    assert not due()
    assert not due(1)
    put(sqlite_engine, GOOD + WITH)
    assert not due()
    assert due(1)


def test_a_trend_is_of_one_thing(sqlite_engine: Engine) -> None:
    with reading(sqlite_engine) as session, pytest.raises(InvalidInputError):
        trend(session, Scope(classes=("server",), owners=("Ann",)), now())
