"""A CI is found by what callers call it, or the answer says what it could have been."""

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine

from cmdb.references import CIReference, UnresolvedCIError, resolve
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.rows import put_ci

reference = TypeAdapter(CIReference).validate_python


def test_a_ci_is_found_by_name_id_class_and_key(engine: Engine) -> None:
    with transaction(engine) as session:
        web = put_ci(session, "web-01", "server", key="asset-7")
        service = put_ci(session, "Checkout", "business_service")
        application = put_ci(session, "Checkout", "application")
    asked = [
        reference("web-01"),
        reference({"id": service}),
        reference({"name": "Checkout", "ci_class": "application"}),
        reference({"source": "manual", "key": "asset-7"}),
    ]
    with reading(engine) as session:
        assert resolve(session, asked) == [web, service, application, web]


def test_case_and_spacing_do_not_matter_but_the_exact_name_wins(engine: Engine) -> None:
    with transaction(engine) as session:
        lower = put_ci(session, "db one")
        upper = put_ci(session, "DB ONE")
        other = put_ci(session, "Größe")
    with reading(engine) as session:
        assert resolve(session, ["db one", "DB ONE", "  GRÖSSE "]) == [lower, upper, other]
        with pytest.raises(UnresolvedCIError, match="fits 2 CIs"):
            resolve(session, ["Db One"])


def test_an_unknown_name_comes_with_the_nearest_ones_and_its_place(engine: Engine) -> None:
    with transaction(engine) as session:
        known = put_ci(session, "db-orders-01", "database")
        put_ci(session, "mail-gw")
    with reading(engine) as session, pytest.raises(UnresolvedCIError) as refused:
        resolve(session, ["mail-gw", "db-order-01"])
    (item,) = refused.value.errors
    assert item.pointer == "/failed/1"
    assert item.hint == "did you mean 'db-orders-01'?"
    assert item.candidates == ({"id": known, "name": "db-orders-01", "ci_class": "database"},)


def test_a_slip_in_the_first_letters_still_finds_the_name(engine: Engine) -> None:
    with transaction(engine) as session:
        put_ci(session, "kafka-broker-01")
    with reading(engine) as session, pytest.raises(UnresolvedCIError, match="kafka-broker-01"):
        resolve(session, ["akfka-broker-01"])


def test_every_reference_that_fits_none_or_several_is_listed_at_once(engine: Engine) -> None:
    with transaction(engine) as session:
        first = put_ci(session, "api", "application")
        second = put_ci(session, "api", "server")
    with reading(engine) as session, pytest.raises(UnresolvedCIError) as refused:
        resolve(session, ["api", reference({"id": 99}), reference({"source": "x", "key": "y"})])
    pointers = [item.pointer for item in refused.value.errors]
    assert pointers == ["/failed/0", "/failed/1", "/failed/2"]
    assert [each["id"] for each in refused.value.errors[0].candidates] == [first, second]
    assert "and 2 more" in refused.value.detail


def test_a_living_ci_wins_over_a_retired_one_of_the_same_name(engine: Engine) -> None:
    with transaction(engine) as session:
        put_ci(session, "web", status="retired")
        living = put_ci(session, "web")
        old = put_ci(session, "legacy", status="retired")
    with reading(engine) as session:
        assert resolve(session, ["web"]) == [living]
        with pytest.raises(UnresolvedCIError, match="'legacy' is retired"):
            resolve(session, ["legacy"])
        assert resolve(session, ["legacy"], retired=True) == [old]


@pytest.mark.parametrize("value", ["", {}, {"id": 0}, {"id": 2**63}, {"name": "a", "x": 1}, 7])
def test_what_refers_to_nothing_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        reference(value)
