"""Groups: one text for a set of them, one spelling for a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from opsatlas.groups import EVERYONE, GroupNames, audience_of, groups_of, may_read

NAMES = TypeAdapter(GroupNames)


@given(st.sets(st.text()), st.none() | st.frozensets(st.text()))
def test_an_audience_is_read_by_its_members_and_by_those_who_read_all(
    groups: set[str], reader: frozenset[str] | None
) -> None:
    audience = audience_of(groups)
    assert groups_of(audience) == groups
    assert may_read(audience, reader) == (reader is None or not groups or bool(groups & reader))


@given(st.lists(st.text()))
def test_equal_sets_are_one_audience(groups: list[str]) -> None:
    assert audience_of(groups) == audience_of(reversed(groups + groups))
    assert (audience_of(groups) == EVERYONE) == (not groups)


def test_a_name_is_the_same_in_any_case_and_spacing() -> None:
    assert NAMES.validate_python([" Network  Operations", "network operations", "DBA"]) == [
        "dba",
        "network operations",
    ]
    assert NAMES.validate_python(["ÉQUIPE", "e\u0301quipe"]) == ["équipe"]
    assert NAMES.validate_python(None) == []


@pytest.mark.parametrize("name", ["", " ", "a;b", 'a"b', "a\\b", "-a", "a\0", "\ud800", "x" * 65])
def test_a_name_holds_nothing_that_would_make_two_of_it(name: str) -> None:
    with pytest.raises(ValidationError, match="is no name of a group|string"):
        NAMES.validate_python([name])


def test_there_is_an_end_to_the_number_of_groups() -> None:
    with pytest.raises(ValidationError, match="at most 50"):
        NAMES.validate_python([f"group {number}" for number in range(51)])
