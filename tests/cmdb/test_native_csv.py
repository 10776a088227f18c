"""The native CSV, as people have it."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import native_csv, registry
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile, Kind
from cmdb.schemas import Severity
from tests.cmdb.reading import read, the_problem

CIS = "name,ci_class,status\nweb,application,active\ndb,database,\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    records, problems = read(native_csv, CIS.replace(",", delimiter))
    assert not problems
    assert [record.fields["name"] for record in records] == ["web", "db"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf_8_with_and_without_a_mark_and_utf_16_with_one_are_read(encoding: str) -> None:
    records, problems = read(native_csv, "name,ci_class\nMünchen,datacenter\n".encode(encoding))
    assert not problems
    assert records[0].fields["name"] == "München"


def test_windows_1252_is_refused_with_the_line_and_the_remedy() -> None:
    content = "name,ci_class\nweb,application\nMünchen,datacenter\n".encode("cp1252")
    problem = the_problem(native_csv, content)
    assert (problem.code, problem.row) == ("not_utf8", 3)
    assert "0xFC" in problem.message
    assert "CSV UTF-8" in str(problem.hint)


def test_headers_tell_whether_a_file_holds_cis_or_relationships() -> None:
    records, _ = read(native_csv, "Dependent,Provider,Redundancy Group\nweb,db,pair\n")
    assert records[0].kind is Kind.RELATIONSHIP
    assert records[0].fields == {"dependent": "web", "provider": "db", "redundancy_group": "pair"}


def test_headers_may_be_in_any_case_with_spaces_or_hyphens() -> None:
    records, problems = read(native_csv, "NAME,CI Class,ip-address\nweb,application,10.0.0.1\n")
    assert not problems
    assert records[0].fields == {"name": "web", "ci_class": "application", "ip_address": "10.0.0.1"}


def test_any_other_column_becomes_an_attribute_under_its_own_spelling() -> None:
    records, _ = read(native_csv, "name,ci_class,Rack Unit\nweb,server, 12 \ndb,server,\n")
    assert records[0].attributes == {"Rack Unit": " 12 "}
    assert records[1].attributes == {}


def test_row_numbers_are_physical_lines_whatever_cells_and_blank_lines_come_before() -> None:
    content = 'name,ci_class,note\r\n\r\nweb,application,"two\r\nlines"\r\n\r\ndb,database,x\r\n'
    records, _ = read(native_csv, content)
    assert [record.where.row for record in records] == [3, 6]
    assert records[0].attributes["note"] == "two\r\nlines"


def test_blank_lines_above_the_header_and_excels_sep_line_are_skipped() -> None:
    records, problems = read(native_csv, "sep=;\nname;ci_class\nweb;application\n")
    assert not problems
    assert records[0].where.row == 3
    records, problems = read(native_csv, "\n\nname,ci_class\nweb,application\n")
    assert (records[0].where.row, problems) == (4, [])


@pytest.mark.parametrize(
    ("header", "wrong", "meant"),
    [
        ("nmae,ci_class", "nmae", "name"),
        ("name,ciclass", "ciclass", "ci_class"),
        ("name,ci_class,enviroment", "enviroment", "environment"),
        ("name,ci_class,Ip Adress", "Ip Adress", "ip_address"),
        ("dependent,provder", "provder", "provider"),
    ],
)
def test_a_misspelt_header_is_refused_and_says_what_was_meant(
    header: str, wrong: str, meant: str
) -> None:
    problem = the_problem(native_csv, f"{header}\na,b,c\n")
    assert (problem.code, problem.column, problem.row) == ("unknown_column", wrong, 1)
    assert meant in str(problem.hint)


def test_an_attribute_may_be_named_nearly_like_a_field_that_is_there() -> None:
    records, problems = read(native_csv, "name,ci_class,owner,owners\nweb,server,a,b\n")
    assert not problems
    assert records[0].attributes == {"owners": "b"}


def test_a_column_that_is_there_twice_is_refused() -> None:
    problem = the_problem(native_csv, "name,ci_class,Name\nweb,server,web2\n")
    assert (problem.code, problem.column) == ("duplicate_column", "Name")


def test_a_missing_required_column_is_named() -> None:
    problem = the_problem(native_csv, "name,owner\nweb,me\n")
    assert (problem.code, problem.column) == ("missing_column", "ci_class")


def test_headers_of_neither_kind_are_refused() -> None:
    problem = the_problem(native_csv, "Hostname,Asset Tag\nweb,17\n")
    assert problem.code == "unknown_header"


def test_a_relationship_column_that_is_not_known_is_left_out_with_a_warning() -> None:
    records, problems = read(native_csv, "dependent,provider,colour\nweb,db,red\n")
    assert problems[0].severity is Severity.WARNING
    assert records[0].fields == {"dependent": "web", "provider": "db"}


@pytest.mark.parametrize("row", ["web", "web,server,active,x", "web,server,active,,y"])
def test_a_ragged_row_is_rejected_and_the_others_are_read(row: str) -> None:
    records, problems = read(native_csv, f"name,ci_class,status\n{row}\ndb,database,\n")
    assert [(p.code, p.row, p.kind) for p in problems] == [("ragged_row", 2, Kind.CI)]
    assert [record.fields["name"] for record in records] == ["db"]


def test_empty_columns_at_the_end_do_no_harm() -> None:
    records, problems = read(native_csv, "name,ci_class,,\nweb,server,,\ndb,database,,,,\n")
    assert (len(records), problems) == (2, [])


def test_a_value_under_an_empty_header_is_not_lost_silently() -> None:
    _, problems = read(native_csv, "name,,ci_class\nweb,oops,server\n")
    assert [(p.code, p.row, p.value) for p in problems] == [("value_without_header", 2, "oops")]


def test_broken_quotes_in_one_row_do_not_hide_the_next() -> None:
    records, problems = read(native_csv, 'name,ci_class\n"web"x,server\ndb,database\n')
    assert [(p.code, p.row) for p in problems] == [("broken_row", 2)]
    assert [record.fields["name"] for record in records] == ["db"]


def test_a_quote_that_is_never_closed_ends_the_file_with_a_problem() -> None:
    records, problems = read(native_csv, 'name,ci_class\nweb,server\n"db,database\nx,server\n')
    assert [(p.code, p.row) for p in problems] == [("broken_row", 3)]
    assert "not read further" in problems[0].message
    assert len(records) == 1


def test_a_huge_cell_is_a_problem_not_a_crash() -> None:
    content = f"name,ci_class,note\nweb,server,{'x' * (csv.field_size_limit() + 1)}\n"
    problem = the_problem(native_csv, content)
    assert (problem.code, problem.row) == ("broken_row", 2)
    assert "131,072" in problem.message


def test_ten_thousand_columns_are_read() -> None:
    header = ",".join(f"a{number}" for number in range(10_000))
    records, problems = read(native_csv, f"name,ci_class,{header}\nweb,server{',1' * 10_000}\n")
    assert not problems
    assert len(records[0].attributes) == 10_000


@pytest.mark.parametrize("content", [b"", b"  \r\n ", b"\xef\xbb\xbf"])
def test_an_empty_file_says_so(content: bytes) -> None:
    assert the_problem(native_csv, content).code == "empty_file"


def test_the_format_is_found_by_content_before_the_name() -> None:
    found = registry.choose(InputFile("inventory.txt", CIS.encode()))
    assert found is native_csv
    found = registry.choose(InputFile("inventory.csv", b'{"configuration_items": []}'))
    assert getattr(found, "NAME", None) == "native_json"


def test_a_file_that_fits_no_format_lists_the_formats() -> None:
    found = registry.choose(InputFile("logo.png", b"\x89PNG\r\n\x1a\n\x00\x00"))
    assert getattr(found, "code", None) == "unknown_format"
    assert "native_csv" in str(getattr(found, "hint", ""))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda each: each.encode("utf-8")))
def test_random_bytes_never_crash_the_reader(content: bytes) -> None:
    read(native_csv, content)
    read(native_csv, b"name,ci_class,note\n" + content)
    native_csv.recognises(OpenedFile("x", content))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)] * 2),
        max_size=8,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_a_spreadsheet_writes_is_read_back_cell_by_cell(
    rows: list[tuple[str, str]], delimiter: str
) -> None:
    import io

    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([("name", "ci_class", "note"), *(("n", *row) for row in rows)])
    records, problems = read(native_csv, file.getvalue())
    assert not problems
    expected = [{"ci_class": a} if a else {} for a, _ in rows]
    assert [{**record.fields} for record in records] == [{"name": "n", **each} for each in expected]
    assert [record.attributes for record in records] == [
        {"note": b} if b.strip() else {} for _, b in rows
    ]
