"""The native columns in workbooks."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import native_csv, native_xlsx, registry
from cmdb.importers.records import InputFile, Kind
from cmdb.schemas import Severity
from tests.cmdb.importers.workbooks import workbook
from tests.cmdb.reading import read, the_problem

SAMPLE = Path(__file__).parents[3] / "seed_data/sources/native_xlsx/orders.xlsx"

CIS: list[list[object]] = [
    ["Name", "CI Class", "Criticality", "Rack Unit"],
    ["web", "application", 1, None],
]
NEEDS: list[list[object]] = [["Dependent", "Provider", "Min up"], ["web", "db", 2]]


def test_sheets_of_items_and_of_relationships_are_told_by_their_headers() -> None:
    records, problems = read(native_xlsx, workbook({"a": NEEDS, "b": CIS}))
    assert not problems
    assert [(each.kind, each.fields) for each in records] == [
        (Kind.RELATIONSHIP, {"dependent": "web", "provider": "db", "min_up": "2"}),
        (Kind.CI, {"name": "web", "ci_class": "application", "criticality": "1"}),
    ]


def test_a_workbook_says_the_same_as_the_csv_of_its_sheet() -> None:
    rows = [["name", "ci_class", "", "note"], ["a", "server", "", "x"], ["b", "database", "", ""]]
    from_xlsx = read(native_xlsx, workbook({"S": rows}))[0]
    from_csv = read(native_csv, "\n".join(",".join(row) for row in rows))[0]
    assert from_xlsx == from_csv


def test_a_workbook_that_was_an_export_has_typed_cells_and_escapes_like_one() -> None:
    header: list[object] = [
        "name",
        "ci_class",
        "cores:json",
        "up:json",
        "attributes:json",
        "'=note",
    ]
    rows: list[list[object]] = [header, ["'=a", "server", 4, True, '{"Owner":"x"}', "''-"]]
    records, problems = read(native_xlsx, workbook({"S": rows}))
    assert not problems
    assert [(each.fields, each.attributes) for each in records] == [
        (
            {"name": "=a", "ci_class": "server"},
            {"=note": "'-", "cores": 4, "up": True, "Owner": "x"},
        )
    ]


def test_places_are_the_rows_of_the_sheet_and_name_it_where_there_are_several() -> None:
    rows: list[list[object]] = [["Servers of 2026"], [], *CIS, [], ["db", "database"]]
    records, _ = read(native_xlsx, workbook({"S": rows}), "book.xlsx")
    assert [str(each.where) for each in records] == ["book.xlsx line 4", "book.xlsx line 6"]
    records, _ = read(native_xlsx, workbook({"S": rows, "N": NEEDS}), "book.xlsx")
    assert str(records[0].where) == "book.xlsx [S] line 4"


def test_a_sheet_of_something_else_is_left_out_with_a_warning() -> None:
    records, problems = read(native_xlsx, workbook({"S": CIS, "Legend": [["Colour", "Meaning"]]}))
    assert len(records) == 1
    assert [(each.code, each.severity) for each in problems] == [
        ("sheet_left_out", Severity.WARNING)
    ]


def test_headers_are_checked_as_in_csv() -> None:
    twice = [["name", "ci_class", "Name"], ["a", "server", "b"]]
    assert the_problem(native_xlsx, workbook({"S": twice})).code == "duplicate_column"
    wrong = [["name", "ciclass"], ["a", "server"]]
    problem = the_problem(native_xlsx, workbook({"S": wrong}))
    assert (problem.code, problem.column) == ("unknown_column", "ciclass")
    unnamed = [["name", "", "ci_class"], ["a", "oops", "server"]]
    assert the_problem(native_xlsx, workbook({"S": unnamed})).code == "value_without_header"


def test_auto_finds_native_workbooks_and_sends_others_to_the_mapping() -> None:
    assert registry.choose(InputFile("a", workbook({"S": CIS}))) is native_xlsx
    found = registry.choose(InputFile("a.xlsx", workbook({"S": [["Hostname", "Asset"], ["a", 1]]})))
    assert getattr(found, "code", None) == "unknown_format"
    assert "opsatlas sources map" in str(getattr(found, "hint", ""))


def test_a_file_that_is_no_workbook_is_a_problem() -> None:
    assert the_problem(native_xlsx, b"PK\x03\x04broken").code == "xlsx_broken_archive"


def test_the_sample_is_read_without_an_error() -> None:
    records, problems = read(native_xlsx, SAMPLE.read_bytes())
    assert [each.code for each in problems] == ["sheet_left_out"]
    names = {each.fields["name"] for each in records if each.kind is Kind.CI}
    ends = {
        end
        for each in records
        if each.kind is Kind.RELATIONSHIP
        for end in (each.fields["dependent"], each.fields["provider"])
    }
    assert len(names) > 20
    assert ends <= names


CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "=A1", " "])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(CELL, max_size=4), max_size=4))
def test_cells_of_any_kind_never_raise(rows: list[list[object]]) -> None:
    read(native_xlsx, workbook({"S": [*CIS, *rows], "T": rows}))
