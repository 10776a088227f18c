"""Zipkin's dependencies: a bare list of links, with the calls that failed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from cmdb.importers import zipkin
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import Kind
from cmdb.importers.registry import recognise
from tests.cmdb.importers.by_mapping import read
from tests.cmdb.importers.test_jaeger import VALUES

LINKS = """[
  {"parent": "web", "child": "api", "callCount": 12, "errorCount": 2},
  {"parent": "web", "child": "stock", "callCount": 4},
  {"parent": "api", "child": "stock", "callCount": 6, "errorCount": 1}
]"""


def test_calls_and_errors_are_totalled_for_each_service() -> None:
    found = read(zipkin, LINKS)
    assert found.links == {
        ("web", "depends_on", "api"),
        ("web", "depends_on", "stock"),
        ("api", "depends_on", "stock"),
    }
    assert found.cis["web"].attributes == {
        "calls_out": 16,
        "calls_in": 0,
        "errors_out": 2,
        "errors_in": 0,
    }
    assert found.cis["stock"].attributes["errors_in"] == 1
    assert not found.problems


def test_a_list_without_error_counts_says_nothing_about_errors() -> None:
    found = read(zipkin, '[{"parent": "a", "child": "b", "callCount": 1}]')
    assert found.cis["a"].attributes == {"calls_out": 1, "calls_in": 0}


def test_databases_that_are_only_called_can_have_their_class() -> None:
    found = read(
        zipkin,
        '[{"parent": "api", "child": "postgresql", "callCount": 1}]',
        mapping='[classes]\n"postgres*" = "database"',
    )
    assert found.cis["postgresql"].fields["ci_class"] == "database"


def test_it_is_recognised_by_its_links() -> None:
    assert [each.NAME for each, _ in recognise(OpenedFile("x", LINKS.encode()))] == ["zipkin"]


@pytest.mark.parametrize("content", ['["a"]', '[[{"traceId": "1"}]]', '{"data": []}', "[", "x"])
def test_other_files_are_not_taken_for_links(content: str) -> None:
    assert zipkin.recognises(OpenedFile("x", content.encode())) is None


def test_an_empty_list_is_recognised_weakly_and_lists_nothing() -> None:
    said = zipkin.recognises(OpenedFile("x", b"[]"))
    assert said is not None
    assert said.certainty == 2
    found = read(zipkin, "[]")
    assert (found.cis, found.kinds) == ({}, {Kind.CI, Kind.RELATIONSHIP})


def test_an_object_is_refused_with_what_was_expected() -> None:
    found = read(zipkin, '{"links": []}')
    assert (found.codes, found.kinds) == (["unexpected_shape"], set())


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_no_document_makes_it_raise(document: Any) -> None:
    for content in (json.dumps(document), json.dumps([document])):
        zipkin.recognises(OpenedFile("x", content.encode()))
        read(zipkin, content)
