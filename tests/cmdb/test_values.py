"""Field values as people write them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb import values
from cmdb.attributes import checked_attributes
from cmdb.models import LifecycleStatus
from cmdb.plain_text import RefusedValueError, text
from cmdb.values import MinUp
from cmdb.vocabulary import Vocabulary


def refused(check: Callable[[Any], Any], value: Any) -> RefusedValueError:
    with pytest.raises(RefusedValueError) as caught:
        check(value)
    return caught.value


@pytest.mark.parametrize(
    "nothing",
    ["", "  ", None, "N/A", "n/a", "-", "none", "NULL", "Unknown", "TBD", "To Be Filled By O.E.M."],
)
def test_what_people_and_mainboards_write_for_nothing_is_nothing(nothing: str | None) -> None:
    for check in values.CI_VALUES.values():
        assert check(nothing) is None
    assert values.min_up(nothing) is None
    assert values.dependency(nothing) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Active", "active"),
        ("operational", "active"),
        ("LIVE", "active"),
        ("in_use", "active"),
        ("Installed", "active"),
        ("in production", "active"),
        ("In Maintenance", "maintenance"),
        ("decommissioned", "retired"),
        ("disposed", "retired"),
        ("ordered", "planned"),
        ("spare", "in_stock"),
        ("In-Stock", "in_stock"),
    ],
)
def test_statuses_are_known_by_the_words_of_other_systems(said: str, meant: str) -> None:
    assert values.status(said) == meant


def test_an_unknown_status_lists_the_known_and_the_nearest() -> None:
    error = refused(values.status, "actve")
    assert error.code == "invalid_status"
    assert "'active'" in str(error.hint)
    assert all(each.value in str(error.hint) for each in LifecycleStatus)


def test_environments_are_lower_case_and_written_out() -> None:
    assert [values.environment(each) for each in ("PROD", "Dev", "stage", "Blue Lab")] == [
        "production",
        "development",
        "staging",
        "blue lab",
    ]


@pytest.mark.parametrize("said", [1, "1", "1 - most critical", "1.0", 1.0, " 1: top "])
def test_criticality_is_a_number_that_words_may_follow(said: Any) -> None:
    assert values.criticality(said) == 1


@pytest.mark.parametrize("said", [0, 5, "high", "12", "1.5", True, 2.5])
def test_other_criticalities_are_refused(said: Any) -> None:
    refused(values.criticality, said)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (" 10.0.0.1 ", "10.0.0.1"),
        ("10.0.0.1/24", "10.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::1/64", "2001:db8::1"),
    ],
)
def test_ip_addresses_come_in_one_form_without_mask(said: str, kept: str) -> None:
    assert values.ip_address(said) == kept


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("10.0.0.300", "0 to 255"),
        ("010.0.0.1", "leading zeros"),
        ("10.0.0.1, 10.0.0.2", "one address"),
        ("web01", "IPv4"),
    ],
)
def test_a_wrong_ip_address_says_what_is_wrong_with_it(said: str, hint: str) -> None:
    error = refused(values.ip_address, said)
    assert error.code == "invalid_ip_address"
    assert hint in str(error.hint)


def test_host_names_are_lower_case_without_the_trailing_dot() -> None:
    assert values.fqdn("Web01.Example.COM.") == "web01.example.com"
    assert values.fqdn("*.example.com") == "*.example.com"
    assert values.fqdn("bücher.example") == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "said", ["a..b", "-a.b", "a b.c", "http://a.b", "a" * 64, "ä" * 300, ".", "*."]
)
def test_what_is_no_host_name_is_refused(said: str) -> None:
    assert refused(values.fqdn, said).code in {"invalid_fqdn", "too_long"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (2, MinUp(2, False)),
        ("2", MinUp(2, False)),
        ("50%", MinUp(50, True)),
        ("50 %", MinUp(50, True)),
        ("1.0", MinUp(1, False)),
        (3.0, MinUp(3, False)),
    ],
)
def test_min_up_is_a_count_or_a_percentage(said: Any, meant: MinUp) -> None:
    assert values.min_up(said) == meant


@pytest.mark.parametrize("said", ["0", 0, "0%", "101%", "-1", "1.5", "half", "99999999999", True])
def test_other_min_ups_are_refused(said: Any) -> None:
    refused(values.min_up, said)


def test_dependencies_are_required_or_optional() -> None:
    assert [values.dependency(each) for each in ("Required", "SOFT", "hard")] == [
        "required",
        "optional",
        "required",
    ]
    assert "'optional'" in str(refused(values.dependency, "optionl").hint)


@pytest.mark.parametrize("bad", ["a\x00b", "a\nb", "a\tb", "a\ud800b", "a\x85b"])
def test_control_characters_and_half_surrogates_are_refused(bad: str) -> None:
    assert refused(text, bad).code == "control_character"


def test_text_is_trimmed_composed_and_bounded() -> None:
    assert text("  Mu\u0308nchen ") == "München"
    assert text("x" * 255) == "x" * 255
    assert refused(text, "x" * 256).code == "too_long"


def test_numbers_become_text_but_fractions_and_truth_do_not() -> None:
    assert text(17) == "17"
    for value in (1.5, True, ["a"], {"a": 1}):
        assert refused(text, value).code == "wrong_type"


def test_attributes_keep_their_form() -> None:
    given_ = {"note": "two\nlines ", "cores": 4, "deep": [{"a": None}], "off": None}
    assert checked_attributes(given_) == given_ | {"note": "two\nlines"}


@pytest.mark.parametrize(
    "bad",
    [
        {"": 1},
        {"a\x00": 1},
        {"a": "x\x00"},
        {"a": {"b\ud800": 1}},
        {"a": ["\ud800"]},
        {"a": 2**63},
        {"a": float("nan")},
        {"a": "x" * 70_000},
        {"a" * 256: 1},
    ],
)
def test_attributes_that_a_database_cannot_hold_are_refused(bad: dict[str, Any]) -> None:
    refused(checked_attributes, bad)


def test_attributes_are_bounded_in_depth() -> None:
    nested: Any = 1
    for _ in range(2000):
        nested = [nested]
    assert refused(checked_attributes, {"a": nested}).code == "too_deep"


def test_a_vocabulary_finds_names_as_people_type_them() -> None:
    words = Vocabulary([("virtual_machine", "Virtual machine"), ("datacenter", "Datacentre")])
    for said in ("virtual_machine", "Virtual Machine", "VirtualMachine", "VIRTUAL-MACHINE"):
        assert words.find(said) == "virtual_machine"
    assert words.find("datacentre") == "datacenter"
    assert words.find("sever") is None
    assert "virtual_machine" in words.hint("virtul_machine")


@given(st.text())
def test_no_text_crashes_a_field(said: str) -> None:
    for check in (*values.CI_VALUES.values(), values.min_up, values.dependency, values.key):
        try:
            once = check(said)
        except RefusedValueError:
            continue
        assert once is None or check(once if not isinstance(once, MinUp) else str(once)) == once
