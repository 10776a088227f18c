"""CIs that a text names: whole names, full host names, pods, and names with a typing error."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from kb.mentions import NEARLY, mentioned_cis
from opsatlas.db.transaction import transaction
from tests.kb.builders import add_cis

Ask = Callable[[str], dict[str, float]]
NAMES = ("db-orders-01", "db-orders-02", "orders-api", "Web Shop", "store-rtr-13", "mail")


@pytest.fixture
def mentioned(engine: Engine) -> Ask:
    """Names of the CIs that a text is taken to mention, with the confidence."""

    def ask(text: str) -> dict[str, float]:
        with transaction(engine) as session:
            ids = add_cis(session, *NAMES)
            found = mentioned_cis(session, text)
            session.rollback()
        return {name: found[id_] for name, id_ in ids.items() if id_ in found}

    return ask


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DB-ORDERS-01 is slow", "db-orders-01"),
        ("nobody can buy in the web shop any more", "Web Shop"),
        ("ping db-orders-02.int.example.net: no answer", "db-orders-02"),
        ('PgDown{instance="db-orders-01:9187",severity="critical"}', "db-orders-01"),
        ("Back-off restarting failed container orders-api-7d9f8b6c5-x2x4z", "orders-api"),
        ("Nov 24 23:40:06 store-rtr-13 charon[812]: no proposal chosen", "store-rtr-13"),
    ],
)
def test_a_name_is_found_however_it_is_written(mentioned: Ask, text: str, name: str) -> None:
    assert mentioned(text) == {name: 1.0}


def test_a_mistyped_name_is_found_with_less_confidence(mentioned: Ask) -> None:
    found = mentioned("db-order-01 refuses connections")
    assert list(found) == ["db-orders-01"]
    assert NEARLY / 100 <= found["db-orders-01"] < 1


def test_another_number_is_another_machine_and_no_typing_error(mentioned: Ask) -> None:
    assert mentioned("db-orders-03 refuses connections") == {}


def test_a_missing_zero_is_a_typing_error(mentioned: Ask) -> None:
    assert list(mentioned("db-orders-1 refuses connections")) == ["db-orders-01"]


def test_words_that_only_resemble_a_name_are_none(mentioned: Ask) -> None:
    assert mentioned("orders come in late, the mails-are-late alert fires, 10.0.0.3 answers") == {}
