"""Pairs that are probably one thing are proposed with reasons; numbered siblings never are."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cmdb.duplicates import DuplicateCache
from cmdb.kept_apart import forget, keep_apart
from cmdb.likeness import Traits, compare, read_name
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import load_texts


def traits(ci_id: int, name: str, environment: str | None = None, **ids: str) -> Traits:
    found = {kind: frozenset([value]) for kind, value in ids.items()}
    return Traits(ci_id, read_name(name), "computer", environment, None, found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web-01", "web1"),
        ("web-01", "web01.example.org"),
        ("db-orders-01", "orders-db-01"),
        ("payment-gateway", "paymnt-gateway"),
        ("checkout", "checkout service"),
        ("inventory", "inventroy"),
    ],
)
def test_two_spellings_of_one_name_are_probably_one(one: str, other: str) -> None:
    found = compare(traits(1, one), traits(2, other))
    assert found is not None
    assert 0.6 <= found.score <= 1
    assert found.reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web-01", "web-02"),
        ("web-1-2", "web-12"),
        ("web", "web-2"),
        ("db-a", "db-b"),
        ("nodea", "nodeb"),
        ("node1a", "node1b"),
        ("db-primary", "db-replica"),
        ("orders-blue", "orders-green"),
        ("web-prod-01", "web-test-01"),
    ],
)
def test_siblings_are_two_whatever_else_agrees(one: str, other: str) -> None:
    same = {"ip_address": "10.0.0.1", "mac_address": "aabbccddeeff"}
    assert compare(traits(1, one), traits(2, other)) is None
    assert compare(traits(1, one, **same), traits(2, other, **same)) is None


def test_what_a_thing_has_one_of_decides() -> None:
    same = {"serial_number": "czc1234"}
    found = compare(traits(1, "web-01", **same), traits(2, "lnx0815", **same))
    assert found is not None
    assert found.reasons == ("the same serial number czc1234",)
    assert (
        compare(traits(1, "web-01", serial_number="a"), traits(2, "web1", serial_number="b"))
        is None
    )
    assert compare(traits(1, "web-01", "test"), traits(2, "web1", "production")) is None
    assert compare(traits(1, "switch-ham-01"), traits(2, "switch-ber-01")) is None


CIS = """key,name,ci_class,serial_number
1,web-01,server,CZC1234
2,web01.example.org,server,
3,web-02,server,CZC1235
4,billing,database,
5,Billing,database,
6,old,server,CZC1236
"""


def test_pairs_of_living_cis_are_listed_until_they_are_kept_apart(engine: Engine) -> None:
    load_texts(engine, CIS, source="one")
    cache = DuplicateCache()

    def pairs() -> list[tuple[int, int]]:
        with reading(engine) as session:
            return sorted(each.cis for each in cache.current(session))

    assert pairs() == [(1, 2), (4, 5)]
    with transaction(engine) as session:
        decided = keep_apart(session, 5, 4, SYSTEM)
        assert keep_apart(session, 4, 5, SYSTEM).id == decided.id
    assert pairs() == [(1, 2)]
    with transaction(engine) as session:
        forget(session, decided.id, SYSTEM)
    assert pairs() == [(1, 2), (4, 5)]
    load_texts(engine, "dependent,provider\n1,2\n", source="one")
    assert pairs() == [(4, 5)]
