"""Open incidents of one trouble are found when another is logged, and a storm becomes one group."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from bench.storms import START, Alert, Failure, alerts_of
from cmdb.snapshots import build
from kb import records
from kb.duplicates import DuplicatePolicy, Grouped, group_open_incidents
from kb.nouns import INCIDENTS
from kb.schemas import IncidentIn, IncidentPatch
from kb.suggest import suggest
from kb.suggest_schemas import SuggestionAnswer, SuggestionQuestion
from opsatlas.actor import Actor, Role
from opsatlas.db.transaction import reading, transaction
from search.embedder import Embedder
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.cmdb.rows import put_relationship
from tests.kb.builders import ALICE, add_cis, log_incident

MINUTE = timedelta(minutes=1)
ALERT = 'alertname="PgTooManyConnections" instance="{host}:9187" summary="too many clients"'


@pytest.fixture
def retriever(engine: Engine, embedder: Embedder) -> Retriever:
    """Over db-orders-01 with its dependents orders-api and Checkout, and mail-01 on its own."""
    with transaction(engine) as session:
        ids = add_cis(session, "db-orders-01", "orders-api", "Checkout", "mail-01")
        put_relationship(session, ids["orders-api"], ids["db-orders-01"])
        put_relationship(session, ids["Checkout"], ids["orders-api"])
    return Retriever(engine, embedder)


def _ask(
    engine: Engine, retriever: Retriever, text: str, minutes: float = 5, **asked: Any
) -> SuggestionAnswer:
    question = SuggestionQuestion.model_validate({"text": text} | asked)
    with reading(engine) as session:
        return suggest(session, retriever, build(session), question, at=START + minutes * MINUTE)


def _log(engine: Engine, title: str, minutes: float = 0, **fields: Any) -> str:
    with transaction(engine) as session:
        opened = START + minutes * MINUTE
        return log_incident(session, title, opened_at=opened, **fields).number


def _found(answer: SuggestionAnswer) -> list[str]:
    return [each.number for each in answer.duplicates]


def test_an_open_incident_with_the_same_alert_is_found_with_reasons(
    engine: Engine, retriever: Retriever
) -> None:
    first = _log(engine, ALERT.format(host="node-01"), cis=["db-orders-01"])
    second = _log(engine, ALERT.format(host="node-02"), 3, cis=["orders-api"])
    _log(engine, "Receipt printer of till 9 is silent", 4)
    answer = _ask(engine, retriever, ALERT.format(host="node-07"), cis=["db-orders-01"])
    assert _found(answer) == [second, first]
    assert answer.duplicate_of == first
    nearest, same = answer.duplicates
    assert (same.because.graph, nearest.because.graph) == (1.0, 0.7)
    assert (same.because.minutes, nearest.because.minutes) == (5.0, 2.0)
    assert same.because.alike > 0.8
    assert 0.5 <= min(same.confidence, nearest.confidence) <= 1.0


@pytest.mark.parametrize("ended", ["resolved", "closed", "cancelled"])
def test_what_was_ended_is_no_duplicate(engine: Engine, retriever: Retriever, ended: str) -> None:
    number = _log(engine, ALERT.format(host="node-01"))
    assert _found(_ask(engine, retriever, ALERT.format(host="node-02"))) == [number]
    with transaction(engine) as session:
        patch = IncidentPatch.model_validate({"status": ended})
        records.change(session, ALICE, INCIDENTS, number, patch)
    answer = _ask(engine, retriever, ALERT.format(host="node-02"))
    assert (answer.duplicates, answer.duplicate_of) == ([], None)


def test_an_incident_is_no_duplicate_of_itself(engine: Engine, retriever: Retriever) -> None:
    number = _log(engine, ALERT.format(host="node-01"))
    answer = _ask(engine, retriever, ALERT.format(host="node-01"), incident=number)
    assert _found(answer) == []


@pytest.mark.parametrize(
    "miss",
    [
        {"title": ALERT + ' cluster="sued"'},
        {"title": ALERT, "minutes": -2 * 24 * 60},
        {"title": ALERT, "cis": ["mail-01"], "minutes": -60},
        {"title": 'alertname="CertificateExpiresSoon" instance="{host}:443"'},
    ],
    ids=["another cluster", "another day", "another system", "another alert"],
)
def test_near_misses_are_no_duplicates(
    engine: Engine, retriever: Retriever, miss: dict[str, Any]
) -> None:
    logged = miss | {"title": miss["title"].format(host="node-01")}
    _log(engine, **logged)
    text = ALERT.format(host="node-01") + ' cluster="nord"'
    assert _found(_ask(engine, retriever, text, cis=["db-orders-01"])) == []


def test_of_a_storm_the_first_is_the_original_and_the_newest_are_listed(
    engine: Engine, retriever: Retriever
) -> None:
    numbers = [
        _log(engine, ALERT.format(host=f"node-{n}"), n / 10, cis=["orders-api"]) for n in range(40)
    ]
    answer = _ask(engine, retriever, ALERT.format(host="node-99"), cis=["db-orders-01"])
    assert answer.duplicate_of == numbers[0]
    assert _found(answer) == numbers[:-11:-1]


def test_restricted_incidents_are_neither_found_nor_grouped(
    engine: Engine, retriever: Retriever
) -> None:
    mine = Actor("carol", Role.RESPONDER, member_of=frozenset(["payments"]))
    for host in ("node-01", "node-02"):
        title = ALERT.format(host=host)
        given = IncidentIn(title=title, opened_at=START, visibility=["payments"])
        with transaction(engine) as session:
            records.create(session, mine, INCIDENTS, [given])
    assert _found(_ask(engine, retriever, ALERT.format(host="node-03"))) == []
    assert _groups(engine, retriever, groups=frozenset()).open_incidents == 0
    assert _groups(engine, retriever, groups=frozenset(["payments"])).groups[0].count == 2


def _groups(engine: Engine, retriever: Retriever, **asked: Any) -> Grouped:
    with reading(engine) as session:
        snapshot = build(session).snapshot
        return group_open_incidents(session, retriever.refresh(), snapshot, **asked)


def log_alerts(engine: Engine, alerts: Sequence[Alert]) -> dict[str, str]:
    """The failure of each alert by its number."""
    given = [
        IncidentIn(
            title=alert.title,
            description=alert.description,
            opened_at=alert.opened_at,
            cis=list(alert.cis),
        )
        for alert in alerts
    ]
    with transaction(engine) as session:
        logged = records.create(session, ALICE, INCIDENTS, given)
    return {made.number: alert.failure for made, alert in zip(logged, alerts, strict=True)}


def _scene(dice: random.Random, many: int, few: int) -> list[Alert]:
    """`many` alerts of one failure, on the failed CI and its dependents, `few` of another, ten of
    ten others."""
    cis = ("db-orders-01", "orders-api", "Checkout")
    alerts = alerts_of(Failure("one", 0, "k8s-nord", "orders-api", START, 30, cis), many, dice)
    alerts += alerts_of(Failure("other", 7, "k8s-nord", "cart-api", START, 30, ()), few, dice)
    for rule in (2, 4, 5, 9, 10, 11, 12, 13, 14, 15):
        alone = Failure(f"alone {rule}", rule, "k8s-ost", "stock-api", START, 600, ())
        alerts += alerts_of(alone, 1, dice)
    dice.shuffle(alerts)
    return alerts


@pytest.mark.parametrize("encoded", [True, False], ids=["by meaning", "by words alone"])
def test_a_storm_is_one_group_and_what_is_unlike_stays_alone(
    sqlite_engine: Engine, embedder: Embedder, encoded: bool
) -> None:
    with transaction(sqlite_engine) as session:
        ids = add_cis(session, "db-orders-01", "orders-api", "Checkout")
        put_relationship(session, ids["orders-api"], ids["db-orders-01"])
        put_relationship(session, ids["Checkout"], ids["orders-api"])
    failures = log_alerts(sqlite_engine, _scene(random.Random(5), 60, 20))
    if encoded:
        encode_missing(sqlite_engine, embedder, batch_size=64)
    found = _groups(sqlite_engine, Retriever(sqlite_engine, embedder), members=1000)
    held = [Counter(failures[each.number] for each in group.incidents) for group in found.groups]
    assert held == [{"one": 60}, {"other": 20}]
    assert (found.open_incidents, found.alone) == (90, 10)
    assert found.notices == ([] if encoded else ["not_encoded"])
    storm = found.groups[0]
    assert "pgtoomanyconnections" in storm.common_terms
    assert set(storm.cis) == {"db-orders-01", "orders-api", "Checkout"}
    assert storm.first_opened == min(each.opened_at for each in storm.incidents)
    assert storm.duplicate_of == storm.incidents[-1].number


def test_more_open_incidents_than_are_grouped_at_once_are_said_to_be_left_out(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    with transaction(sqlite_engine) as session:
        add_cis(session, "db-orders-01", "orders-api", "Checkout")
    log_alerts(sqlite_engine, _scene(random.Random(6), 8, 3))
    retriever = Retriever(sqlite_engine, embedder)
    found = _groups(sqlite_engine, retriever, policy=DuplicatePolicy(grouped=5), members=2)
    assert found.open_incidents == 5
    assert "incidents_left_out" in found.notices
    assert all(len(group.incidents) <= 2 for group in found.groups)


def test_only_incidents_of_the_time_asked_for_are_grouped(
    sqlite_engine: Engine, embedder: Embedder
) -> None:
    retriever = Retriever(sqlite_engine, embedder)
    for minutes in (-600, -599, 0, 1):
        _log(sqlite_engine, ALERT.format(host="node-01"), minutes)
    found = _groups(sqlite_engine, retriever, since=START)
    assert [group.count for group in found.groups] == [2]
