"""The native YAML: 1.2, with the lines of its records, and without YAML's traps."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import native_yaml, registry
from cmdb.importers.records import InputFile, Kind
from tests.cmdb.reading import read, the_problem

WHOLE = """\
# who runs what
configuration_items:
  - name: web
    ci_class: application
    attributes: {country: NO, zip: 0123, cores: 4, ratio: 1.5, on: yes, real: true, gone: null}
  - {name: db, ci_class: database, serial_number: 0123, owner: ~}
---
relationships:
  - dependent: web
    provider: db
"""


def test_records_of_several_documents_come_with_their_lines() -> None:
    records, problems = read(native_yaml, WHOLE)
    assert not problems
    assert [(r.kind, r.where.row, r.where.pointer) for r in records] == [
        (Kind.CI, 3, "/configuration_items/0"),
        (Kind.CI, 6, "/configuration_items/1"),
        (Kind.RELATIONSHIP, 9, "/relationships/0"),
    ]


def test_no_is_a_country_and_0123_is_not_octal() -> None:
    records, _ = read(native_yaml, WHOLE)
    assert records[0].attributes == {
        "country": "NO",
        "zip": "0123",
        "cores": 4,
        "ratio": 1.5,
        "on": "yes",
        "real": True,
        "gone": None,
    }
    assert records[1].fields["serial_number"] == "0123"
    assert records[1].fields["owner"] is None


def test_a_name_that_looks_like_a_number_stays_as_it_is_written() -> None:
    records, _ = read(native_yaml, "configuration_items:\n- {name: 1.10, ci_class: server}\n")
    assert records[0].fields["name"] == "1.10"


def test_aliases_are_refused_with_their_line() -> None:
    bomb = "configuration_items:\n- &a {name: x, ci_class: server}\n- *a\n"
    problem = the_problem(native_yaml, bomb)
    assert (problem.code, problem.row) == ("alias_refused", 3)


def test_an_alias_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)
    ]
    begun = time.perf_counter()
    _, problems = read(native_yaml, "\n".join(lines))
    assert problems[0].code == "alias_refused"
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!custom", "!!binary"])
def test_tags_construct_nothing(tag: str) -> None:
    problem = the_problem(native_yaml, f"configuration_items: {tag} [ls]\n")
    assert (problem.code, problem.row) == ("tag_refused", 1)


def test_depth_is_bounded_before_anything_is_built() -> None:
    begun = time.perf_counter()
    problem = the_problem(native_yaml, "[" * 100_000)
    assert problem.code == "too_deep"
    assert time.perf_counter() - begun < 5


def test_a_name_that_is_twice_in_one_mapping_is_refused() -> None:
    records, problems = read(
        native_yaml, "configuration_items:\n- name: a\n  ci_class: server\n  name: b\n"
    )
    assert [(p.code, p.column) for p in problems] == [("duplicate_field", "name")]
    assert not records


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999", "18446744073709551616"])
def test_numbers_that_no_database_holds_are_refused(number: str) -> None:
    content = f"configuration_items:\n- {{name: a, ci_class: b, attributes: {{x: {number}}}}}\n"
    assert the_problem(native_yaml, content).code == "invalid_value"


def test_a_syntax_error_names_its_line() -> None:
    problem = the_problem(native_yaml, "configuration_items:\n- name: [a\n- b: c: d\n")
    assert problem.code == "malformed_yaml"
    assert problem.row is not None


def test_an_unknown_field_says_what_was_meant() -> None:
    problem = the_problem(native_yaml, "configuration_items:\n- {nam: a, ci_class: server}\n")
    assert (problem.code, problem.row) == ("unknown_field", 2)
    assert "'name'" in str(problem.hint)


@pytest.mark.parametrize("content", ["# nothing\n", "---\n---\n", "\n"])
def test_a_file_without_content_says_so(content: str) -> None:
    assert the_problem(native_yaml, content).code == "empty_file"


def test_yaml_is_recognised_with_and_without_its_name() -> None:
    assert registry.choose(InputFile("a.yaml", b"{configuration_items: []}")) is native_yaml
    assert registry.choose(InputFile("-", WHOLE.encode())) is native_yaml


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text("-:{}[]&*!|>'\"%@#,? \nab0~", max_size=80).map(str.encode)
    | st.text(max_size=60).map(str.encode)
)
def test_no_content_crashes_the_reader(content: bytes) -> None:
    read(native_yaml, content)
    read(native_yaml, b"configuration_items:\n- name: a\n  attributes:\n    x: " + content)
