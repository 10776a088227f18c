"""Jaeger's dependencies: services, and who depends on whom because it calls it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import jaeger
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import Kind
from cmdb.importers.registry import recognise
from cmdb.schemas import Severity
from tests.cmdb.importers.by_mapping import read, read_files


def answer(*links: Any, **more: Any) -> str:
    """What `/api/dependencies` says; a link is (caller, called, calls)."""
    data = [
        {"parent": each[0], "child": each[1], "callCount": each[2]}
        if isinstance(each, tuple)
        else each
        for each in links
    ]
    return json.dumps({"data": data, "total": 0, "limit": 0, "offset": 0, "errors": None, **more})


def test_the_caller_depends_on_the_service_that_it_calls() -> None:
    found = read(jaeger, answer(("web", "api", 7), ("api", "stock", 3)))
    assert found.links == {("web", "depends_on", "api"), ("api", "depends_on", "stock")}
    api = found.cis["api"]
    assert api.fields == {"key": "api", "name": "api", "ci_class": "application_service"}
    assert api.attributes == {"calls_in": 7, "calls_out": 3}
    assert found.kinds == {Kind.CI, Kind.RELATIONSHIP}
    assert not found.problems
    assert found.relationships[0].where.pointer == "/data/1"


def test_the_same_link_in_several_files_is_added_up() -> None:
    one, two = answer(("web", "api", 7)), answer(("web", "api", 5), ("web", "api", 1))
    found = read_files(jaeger, {"monday": one, "tuesday": two})
    assert found.cis["web"].attributes == {"calls_out": 13, "calls_in": 0}
    assert len(found.relationships) == 1
    assert found == read_files(jaeger, {"tuesday": two, "monday": one})


def test_a_service_that_calls_itself_does_not_depend_on_itself() -> None:
    found = read(jaeger, answer(("web", "web", 7)))
    assert found.names == {"web"}
    assert not found.relationships
    assert found.codes == ["self_calls"]


def test_rare_calls_are_left_out_where_it_is_asked_for() -> None:
    links = answer(("web", "api", 100), ("web", "old", 9))
    found = read(jaeger, links, mapping="[options]\nmin_calls = 10")
    assert found.names == {"web", "api"}
    assert found.cis["web"].attributes["calls_out"] == 100
    assert found.codes == ["rare_calls"]
    assert found.problems[0].message == "left out: links with fewer than 10 calls: 1"


def test_whether_the_caller_fails_without_the_other_is_an_option() -> None:
    links = answer(("web", "api", 1))
    assert "dependency" not in read(jaeger, links).relationships[0].fields
    found = read(jaeger, links, mapping='[options]\ndependency = "optional"')
    assert found.relationships[0].fields["dependency"] == "optional"


def test_classes_and_names_of_services_are_the_mapping_s() -> None:
    found = read(
        jaeger,
        answer(("web", "redis-cart", 1)),
        mapping='[classes]\n"redis*" = "middleware"\n[values.name]\nweb = "Shop Frontend"\n'
        '[relationships]\ncalls = { type = "uses" }',
    )
    assert found.cis["redis-cart"].fields["ci_class"] == "middleware"
    assert found.cis["web"].fields["name"] == "Shop Frontend"
    assert found.links == {("web", "uses", "redis-cart")}


def test_the_tracing_system_itself_is_left_out_with_its_calls() -> None:
    links = answer(("web", "api", 1), ("jaeger-query", "web", 4), ("web", "jaeger", 4))
    found = read(jaeger, links)
    assert found.names == {"web", "api"}
    assert found.links == {("web", "depends_on", "api")}
    assert found.codes == ["ignored_services"]


@pytest.mark.parametrize("name", ["", "unknown", None, 1.5, ["x"], "a\x00b", "x" * 300])
def test_links_of_services_without_a_name_are_counted_and_refuse_nothing(name: Any) -> None:
    found = read(jaeger, answer((name, "api", 1), ("web", "api", 2)))
    assert found.names == {"web", "api"}
    assert [(each.code, each.severity) for each in found.problems] == [
        ("unnamed_service", Severity.WARNING)
    ]


@pytest.mark.parametrize("count", [-1, "7", True, 1.5, 10**30])
def test_a_count_that_is_none_does_not_cost_the_link(count: Any) -> None:
    found = read(jaeger, answer(("web", "api", count)))
    assert found.links == {("web", "depends_on", "api")}
    assert found.codes == ["invalid_count"]


def test_an_entry_that_is_no_link_is_a_rejected_record() -> None:
    found = read(jaeger, answer(("web", "api", 1), "text", {"traceID": "1"}))
    assert [(each.code, each.pointer, each.kind) for each in found.problems] == [
        ("unexpected_shape", "/data/1", Kind.RELATIONSHIP),
        ("unexpected_shape", "/data/2", Kind.RELATIONSHIP),
    ]


def test_an_answer_that_is_an_error_lists_nothing() -> None:
    errors = [{"code": 500, "msg": "timeout"}]
    found = read(jaeger, answer(data=None, errors=errors))
    assert (found.codes, found.kinds) == (["source_error"], set())
    assert found.problems[0].value == "timeout"


def test_it_is_recognised_by_its_links_and_weakly_where_it_is_empty() -> None:
    full = OpenedFile("x.json", answer(("web", "api", 1)).encode())
    assert [each.NAME for each, _ in recognise(full)] == ["jaeger"]
    empty = jaeger.recognises(OpenedFile("x.json", answer().encode()))
    assert empty is not None
    assert empty.certainty == 2
    traces = OpenedFile("x.json", b'{"data": [{"traceID": "1", "spans": []}]}')
    assert jaeger.recognises(traces) is None


def test_an_empty_answer_says_that_there_are_no_services() -> None:
    assert read(jaeger, answer()).kinds == {Kind.CI, Kind.RELATIONSHIP}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parent", "child", "callCount", "errorCount", "data", "errors"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_no_document_makes_it_raise(document: Any) -> None:
    for content in (json.dumps(document), json.dumps({"data": document})):
        jaeger.recognises(OpenedFile("x", content.encode()))
        read(jaeger, content)
