"""An admin's rules by what CIs are recognised: what they decide, and what they are told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cmdb.classes import create_class
from cmdb.identification import InvalidIdentificationError
from cmdb.load_options import LoadLimits
from cmdb.schemas import CIClassIn
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import transaction
from tests.cmdb.inventories import contents, load_texts
from tests.cmdb.test_identification import reviews, rows

PAGE = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text("utf-8")
TWO = "1,a,server,,web.example.org,AAAA1111,,", "2,b,server,,db.example.org,BBBB2222,,"
TORN = "9,c,server,,db.example.org,AAAA1111,,"
"""Fits the first by its serial number, the second by its host name."""


class Loading:
    """Loads records of two sources, by rules of one's own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self._folder = engine, folder

    def __call__(self, source: str, *lines: str, rules: str = "", file: str = "own.toml") -> int:
        """How many CIs are new."""
        place = self._folder / file
        place.write_text(rules, encoding="utf-8")
        limits = replace(LoadLimits(), identification_rules=place if rules else None)
        report = load_texts(self.engine, rows(*lines), source=source, limits=limits)
        assert report.state == "done", report.problems
        return report.configuration_items.created

    def keys(self) -> dict[str, list[tuple[str, str]]]:
        """By name of each CI: what the sources call it."""
        return {ci[0]: ci[6] for ci in contents(self.engine)["cis"]}


@pytest.fixture
def loading(engine: Engine, tmp_path: Path) -> Loading:
    return Loading(engine, tmp_path)


def test_as_shipped_a_record_that_fits_two_goes_to_review(loading: Loading) -> None:
    loading("one", *TWO)
    assert loading("two", TORN) == 0
    assert len(reviews(loading.engine)) == 1


@pytest.mark.parametrize(
    ("order", "name"),
    [('"serial_number", "fqdn"', "a"), ('"fqdn", "serial_number"', "b")],
)
def test_an_order_decides_which_of_two_it_is(loading: Loading, order: str, name: str) -> None:
    loading("one", *TWO)
    assert loading("two", TORN, rules=f"[classes]\nserver = [{order}]\n") == 0
    assert reviews(loading.engine) == []
    assert loading.keys()[name] == [("one", "1" if name == "a" else "2"), ("two", "9")]


def test_what_is_equally_sure_in_a_step_of_ones_own_goes_to_review(loading: Loading) -> None:
    loading("one", *TWO)
    loading("two", TORN, rules='[classes]\nserver = ["mac_address", "fqdn|serial_number"]\n')
    (review,) = reviews(loading.engine)
    assert [candidate.name for candidate in review.candidates] == ["a", "b"]


def test_a_class_that_does_not_trust_host_names_neither_joins_nor_parts_by_them(
    loading: Loading,
) -> None:
    rules = '[classes]\nserver = ["serial_number|cloud_id|mac_address", "name|host"]\n'
    loading("one", "1,a,server,,old.example.org,,,", "2,same,server,,then.example.org,,,")
    records = "8,b,server,,old.example.org,,,", "9,same,server,,now.example.org,,,"
    assert loading("two", *records, rules=rules) == 1
    assert loading.keys() == {
        "a": [("one", "1")], "b": [("two", "8")], "same": [("one", "2"), ("two", "9")]
    }  # fmt: skip
    assert loading("three", records[1].replace("same", "other")) == 1, "rules of this load count"


def test_a_step_is_taken_where_both_classes_have_it(loading: Loading) -> None:
    loading("one", "1,a,virtual_machine,,web.example.org,,,")
    rules = '[classes]\nvirtual_machine = ["serial_number"]\n'
    assert loading("two", "9,b,server,,web.example.org,,,", rules=rules) == 1


def test_a_rule_may_name_what_was_stored_before_it(loading: Loading) -> None:
    loading("one", "1,a,database,,orders-db.example.org,,,")
    rules = "classes:\n  database: [fqdn, name]\n"
    records = "9,orders,database,,ORDERS-DB.example.org.,,,"
    assert loading("two", records, rules=rules, file="own.yaml") == 0
    assert loading.keys() == {"a": [("one", "1"), ("two", "9")]}


def test_a_class_below_has_the_rule_of_the_nearest_above_it(loading: Loading) -> None:
    with transaction(loading.engine) as session:
        create_class(session, CIClassIn(name="oracle_db", parent="database"), SYSTEM)
        create_class(session, CIClassIn(name="rac_db", parent="oracle_db"), SYSTEM)
    loading("one", "1,a,rac_db,,db.example.org,,,")
    rules = '[classes]\ndatabase = ["fqdn"]\n'
    assert loading("two", "8,x,rac_db,,db.example.org,,,", rules=rules) == 0
    rules += 'oracle_db = ["name"]\n'
    assert loading("three", "9,y,rac_db,,db.example.org,,,", rules=rules) == 1


def test_nothing_but_the_sources_own_key_identifies_where_the_rule_is_empty(
    loading: Loading,
) -> None:
    loading("one", "1,a,generic,,,,,")
    rules = "[classes]\ngeneric = []\n"
    assert loading("two", "9,a,generic,,,,,", rules=rules) == 1
    assert loading("two", "9,a,generic,,,,,", rules=rules) == 0


def test_the_example_of_the_page_is_a_file_of_rules(loading: Loading) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    loading("one", *TWO)
    assert loading("two", TORN, rules=example) == 0
    assert loading.keys()["a"] == [("one", "1"), ("two", "9")]


@pytest.mark.parametrize(
    ("said", "told", "remedy"),
    [
        ('[classes]\nserver = ["serial"]', "/classes/server: there is no identifier 'serial'", ""),
        ('[classes]\nserver = ["fqdn|fqdn"]', "'fqdn' stands there twice", ""),
        ('[classes]\nsrver = ["fqdn"]', "there is no CI class 'srver'", "did you mean 'server'?"),
        ('[classes]\ndatabase = ["host"]', "name of a database is no host name", "use `name`"),
        ("[clases]\n", "/clases: there is no such setting", "docs/reconciliation.md"),
        ('[classes]\nserver = "fqdn"', "/classes/server: Input should be a valid list", ""),
        ("server: fqdn", "own.toml is not TOML", "YAML is read from a file named .yaml"),
    ],
)
def test_what_no_file_of_rules_can_say_is_told(
    loading: Loading, said: str, told: str, remedy: str
) -> None:
    with pytest.raises(InvalidIdentificationError) as refused:
        loading("one", TORN, rules=said)
    assert told in str(refused.value)
    assert remedy in (refused.value.hint or "")
    assert contents(loading.engine)["cis"] == []


def test_a_file_that_is_not_there_is_told_with_the_setting(engine: Engine, tmp_path: Path) -> None:
    limits = replace(LoadLimits(), identification_rules=tmp_path / "none.toml")
    with pytest.raises(InvalidIdentificationError, match="cannot be read") as refused:
        load_texts(engine, rows(TORN), limits=limits)
    assert refused.value.hint == "OPSATLAS_IDENTIFICATION_RULES names it"
