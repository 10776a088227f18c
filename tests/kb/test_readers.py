"""Files are read, or what is wrong is named with its place; no bytes at all break a reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.importers.records import InputFile
from cmdb.schemas import Problem
from kb.readers.files import ReadRecord, Refused, read
from kb.readers.raw import Section


def _read(name: str, content: str | bytes) -> tuple[list[Any], list[Problem]]:
    raw = content.encode() if isinstance(content, str) else content
    found = list(read(InputFile(name, raw)))
    return (
        [each.item for each in found if isinstance(each, ReadRecord)],
        [each.problem for each in found if isinstance(each, Refused)],
    )


ONE = {"number": "INC-1", "title": "Till offline", "cis": ["till-01", "till-02"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("incidents.jsonl", json.dumps(ONE) + "\n\n" + json.dumps(ONE)),
        ("export.json", json.dumps([ONE, ONE])),
        ("export.json", json.dumps({"incidents": [ONE, ONE]})),
        ("export.json", json.dumps(ONE) + "\r\n" + json.dumps(ONE)),
        ("a.csv", "number,title,cis\n" + "INC-1,Till offline,till-01; till-02\n" * 2),
        ("a.csv", "Number;Title;CIs\n" + 'INC-1;Till offline;"till-01;till-02"\n' * 2),
        ("a.csv", "\ufeffnumber\ttitle\tcis\n" + "INC-1\tTill offline\ttill-01;till-02\n" * 2),
    ],
)
def test_incidents_are_read_from_json_lines_json_and_csv(name: str, content: str | bytes) -> None:
    items, problems = _read(name, content)
    assert problems == []
    assert [(item.number, item.title, item.cis) for item in items] == [
        ("INC-1", "Till offline", ["till-01", "till-02"])
    ] * 2


@pytest.mark.parametrize(
    ("name", "content", "code", "row", "column", "hint"),
    [
        ("i.csv", "number,titel\nI-1,x\n", "unknown_column", 1, "titel", "did you mean 'title'?"),
        ("i.csv", "number,title\nI-1\n", "ragged_row", 2, None, "quotes"),
        ("i.csv", "number,title\nI-1,\n", "missing_value", 2, "title", None),
        ("i.csv", 'number,title\nI-1,"a\nb"\nI-2,x,y\n', "ragged_row", 4, None, "quotes"),
        ("i.csv", "title,status\nx,clsed\n", "unknown_value", 2, "status", None),
        ("i.csv", "title,opened_at\nx,yesterday\n", "not_a_time", 2, "opened_at", None),
        ("i.csv", "title,title\nx,y\n", "duplicate_column", 1, "title", None),
        ("i.csv", "foo,bar\nx,y\n", "unknown_header", 1, None, "title"),
        ("i.csv", 'title\n"x\n', "broken_row", 2, None, "twice"),
        ("i.jsonl", '{"title": "x"}\n{"title": ', "malformed_json", 2, None, "JSON"),
        ("i.jsonl", '{"title": NaN}', "malformed_json", 1, None, None),
        ("i.jsonl", '{"title": "x", "title": "y"}', "duplicate_field", 1, "title", "keep one"),
        ("i.jsonl", '{"title": "a\\u0000b"}', "nul_character", 1, "title", None),
        ("i.jsonl", '{"title": "\\ud800"}', "invalid_value", 1, "title", None),
        ("i.jsonl", '{"title": ["x"]}', "invalid_value", 1, "title", None),
        ("i.jsonl", '{"title": "x", "tittle": "y"}', "unknown_field", 1, "tittle", "title"),
        ("i.jsonl", '{"title": "x", "cis": [{"idd": 1}]}', "invalid_value", 1, "cis", "source"),
        ("i.jsonl", "[" * 100_000, "too_deep", 1, None, None),
        ("i.jsonl", "", "empty_file", None, None, None),
        ("i.csv", b"title\n\xff\xfe\n", "not_utf8", 2, None, "UTF-8"),
        ("a.md", "# no head", "missing_head", 1, None, "begin with ---"),
        ("a.md", "---\nid: KB-1\n", "missing_head", 1, None, "begin with ---"),
        ("a.md", "---\nid: KB-1\ntitle: x\nkind: runbok\n---\n", "unknown_value", 4, "kind", None),
        ("a.md", "---\nid: KB-1\ntitle: [x\n---\n", "malformed_yaml", 4, None, "indent"),
        ("a.md", "---\ntitle: x\ntitle: y\n---\n", "duplicate_field", 3, "title", "keep one"),
        ("a.md", "---\ntitle: x\nauthor: y\n---\n", "unknown_field", 3, "author", "fields are"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_a_hint(
    name: str,
    content: str | bytes,
    code: str,
    row: int | None,
    column: str | None,
    hint: str | None,
) -> None:
    _, problems = _read(name, content)
    first = problems[0]
    assert (first.code, first.file, first.row, first.column) == (code, name, row, column)
    assert hint is None or hint in (first.hint or "")


def test_a_column_that_is_no_field_is_left_out_with_a_warning() -> None:
    items, problems = _read("i.csv", "title,assigned person\nx,somebody\n")
    assert [item.title for item in items] == ["x"]
    assert [problem.severity.value for problem in problems] == ["warning"]


def test_each_fault_of_a_record_is_named_and_the_record_rejected_once() -> None:
    found = list(read(InputFile("i.csv", b"title,impact,urgency\nx,huge,soon\n")))
    assert [each.first for each in found if isinstance(each, Refused)] == [True, False]


def test_the_status_follows_from_the_times_where_it_is_not_given() -> None:
    items, _ = _read("i.csv", "title,opened_at,closed_at\na,2026-01-01,\nb,2026-01-01,2026-01-02\n")
    assert [item.status.value for item in items] == ["open", "closed"]


def test_enumerations_are_read_the_way_people_write_them() -> None:
    items, problems = _read("i.csv", "title,status,impact\nx,In Progress,HIGH\n")
    assert problems == []
    assert (items[0].status.value, items[0].impact.value) == ("in_progress", "high")


@pytest.mark.parametrize(
    ("name", "row", "section"),
    [
        ("known_errors.jsonl", {"title": "x"}, Section.KNOWN_ERRORS),
        ("a.jsonl", {"id": "KE-1", "title": "x", "fix": "y"}, Section.KNOWN_ERRORS),
        ("a.jsonl", {"id": "CHG-1", "title": "x", "planned_start": "2026-01-01"}, Section.CHANGES),
        (
            "a.jsonl",
            {"suggestion": "KE-1", "incident": "I-1", "outcome": "helped"},
            Section.FEEDBACK,
        ),
        ("a.jsonl", {"title": "x", "description": "y"}, Section.INCIDENTS),
    ],
)
def test_what_a_file_lists_is_told_by_its_name_or_its_fields(
    name: str, row: dict[str, Any], section: Section
) -> None:
    found = list(read(InputFile(name, json.dumps(row).encode())))
    assert [each.section for each in found] == [section]
    assert isinstance(found[0], ReadRecord)


def test_an_article_s_head_is_yaml_1_2_and_its_heading_can_be_its_title() -> None:
    items, problems = _read("a.md", "---\nid: 0123\ntags: [NO, 1.10]\n---\n# Norway\n\nText")
    assert problems == []
    assert (items[0].number, items[0].title, items[0].body) == ("0123", "Norway", "Text")
    assert items[0].tags == ["NO", "1.10"]


@given(
    st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.md"]),
    st.one_of(
        st.binary(max_size=400),
        st.text(alphabet='{}[]":,;-\n\r\ttitleNaN01\\u\x00é', max_size=200).map(str.encode),
        st.text(alphabet="---\n:[]{}&*!|>'\"#? abid", max_size=200).map(
            lambda text: f"---\n{text}\n---\nbody".encode()
        ),
    ),
)
def test_no_bytes_at_all_break_a_reader(name: str, content: bytes) -> None:
    for found in read(InputFile(name, content)):
        assert isinstance(found, ReadRecord | Refused)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("i.csv", "title,descripton\nx,y\n"),
        ("i.jsonl", '{"title": "x", "title": "y"}'),
        ("a.md", "---\ntitle: x\ntitle: y\n---\n"),
    ],
)
def test_where_a_slip_could_lose_something_nothing_is_read(name: str, content: str) -> None:
    items, problems = _read(name, content)
    assert items == []
    assert [problem.severity.value for problem in problems] == ["error"]
