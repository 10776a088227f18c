"""The native JSON: strict about what databases and other languages cannot hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import native_json
from cmdb.importers.records import Kind
from tests.cmdb.reading import read, the_problem


def cis(record: str) -> str:
    return '{"configuration_items": [{"name": "a", "ci_class": "server"}, ' + record + "]}"


def test_both_sections_are_read_with_pointers_as_places() -> None:
    records, problems = read(
        native_json,
        json.dumps(
            {
                "configuration_items": [
                    {"name": "web", "ci_class": "server", "attributes": {"cpu": 4}}
                ],
                "relationships": [{"dependent": "web", "provider": "db", "min_up": None}],
            }
        ),
    )
    assert not problems
    assert [(record.kind, record.where.pointer) for record in records] == [
        (Kind.CI, "/configuration_items/0"),
        (Kind.RELATIONSHIP, "/relationships/0"),
    ]
    assert records[0].attributes == {"cpu": 4}
    assert records[1].fields["min_up"] is None


def test_a_syntax_error_names_line_and_character() -> None:
    problem = the_problem(native_json, '{"configuration_items": [\n{"name": "a",}]}')
    assert (problem.code, problem.row) == ("malformed_json", 2)
    assert "of line 2" in problem.message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9223372036854775808"])
@pytest.mark.parametrize("place", ["attributes", "field"])
def test_numbers_that_no_database_holds_are_refused_where_they_are(number: str, place: str) -> None:
    inside = f'"attributes": {{"x": [{number}]}}' if place == "attributes" else f'"owner": {number}'
    records, problems = read(native_json, cis(f'{{"name": "b", "ci_class": "server", {inside}}}'))
    assert len(records) == 1
    assert problems[0].code == "invalid_value"
    expected = "attributes/x/0" if place == "attributes" else "owner"
    assert problems[0].pointer == f"/configuration_items/1/{expected}"


def test_the_largest_64_bit_integers_are_fine() -> None:
    _, problems = read(
        native_json,
        cis(
            '{"name": "b", "ci_class": "s", "attributes": {"a": 9223372036854775807,'
            ' "b": -9223372036854775808}}'
        ),
    )
    assert not problems


def test_a_name_that_is_twice_in_one_object_is_refused() -> None:
    records, problems = read(native_json, cis('{"name": "b", "name": "c", "ci_class": "server"}'))
    assert (problems[0].code, problems[0].pointer) == (
        "duplicate_field",
        "/configuration_items/1/name",
    )
    assert len(records) == 1


def test_duplicates_inside_of_attributes_are_refused_too() -> None:
    _, problems = read(
        native_json, cis('{"name": "b", "ci_class": "s", "attributes": {"d": {"x": 1, "x": 2}}}')
    )
    assert problems[0].pointer == "/configuration_items/1/attributes/d/x"


def test_an_unknown_field_says_what_was_meant_or_where_it_belongs() -> None:
    _, problems = read(native_json, cis('{"name": "b", "ci_clas": "server", "rack": 3}'))
    assert [(p.code, p.column) for p in problems] == [
        ("unknown_field", "ci_clas"),
        ("unknown_field", "rack"),
    ]
    assert "ci_class" in str(problems[0].hint)
    assert "attributes" in str(problems[1].hint)


def test_an_unknown_section_says_what_was_meant() -> None:
    problem = the_problem(native_json, '{"configuration_item": []}')
    assert problem.code == "unknown_field"
    assert "configuration_items" in str(problem.hint)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "3",
        '"text"',
        '{"relationships": {}}',
        '{"relationships": [3]}',
        '{"relationships": 1}',
    ],
)
def test_another_shape_is_a_problem(content: str) -> None:
    assert the_problem(native_json, content).code == "unexpected_shape"


@pytest.mark.parametrize("value", ["[1]", '{"a": 1}'])
def test_a_field_is_one_value(value: str) -> None:
    _, problems = read(native_json, cis(f'{{"name": {value}, "ci_class": "server"}}'))
    assert [p.code for p in problems] == ["wrong_type"]


def test_attributes_deeper_than_the_limit_are_refused() -> None:
    nested = '{"name": "b", "ci_class": "s", "attributes": {"a": ' + "[" * 9 + "]" * 9 + "}}"
    assert read(native_json, cis(nested), depth=12)[1] == []
    _, problems = read(native_json, cis(nested), depth=5)
    assert [p.code for p in problems] == ["too_deep"]


@pytest.mark.parametrize("depth", [900, 100_000])
def test_a_bomb_of_brackets_is_a_problem_not_a_crash(depth: int) -> None:
    for content in ("[" * depth, '{"a":' * depth, cis('{"attributes":' + "[" * depth)):
        _, problems = read(native_json, content)
        assert problems
    closed = cis(
        '{"name": "b", "ci_class": "s", "attributes": {"a": ' + "[" * depth + "]" * depth + "}}"
    )
    _, problems = read(native_json, closed)
    assert [p.code for p in problems] == ["too_deep"]
    _, problems = read(native_json, "[" * depth + "]" * depth)
    assert problems[0].code in {"too_deep", "unexpected_shape"}


def test_utf_16_and_a_byte_order_mark_are_read() -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        records, problems = read(native_json, cis("{}").encode(encoding))
        assert (len(records), problems) == (2, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["configuration_items", "relationships", "name", "attributes", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | JSON.map(lambda each: json.dumps(each).encode()))
def test_no_content_crashes_the_reader(content: bytes) -> None:
    read(native_json, content)
