"""Workbooks are read cell by cell; a hostile one costs a child process, never this one."""

import io
import time
import zipfile
from dataclasses import replace
from datetime import date, datetime
from datetime import time as clock
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cmdb.importers import xlsx_file
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile
from cmdb.importers.registry import choose
from cmdb.importers.xlsx_file import LIMITS, XlsxLimits, read_xlsx
from cmdb.schemas import Problem
from tests.cmdb.importers.workbooks import saved, with_part, with_sheet_xml, workbook

QUICK = replace(LIMITS, seconds=10)


def rows_of(content: bytes, limits: XlsxLimits = QUICK) -> list[list[tuple[int, Any]]]:
    sheets = read_xlsx(InputFile("book.xlsx", content), limits)
    assert not isinstance(sheets, Problem), sheets
    return [list(sheet.rows()) for sheet in sheets]


def refused(content: bytes, limits: XlsxLimits = QUICK) -> Problem:
    problem = read_xlsx(InputFile("book.xlsx", content), limits)
    assert isinstance(problem, Problem)
    assert problem.file == "book.xlsx"
    assert problem.hint
    return problem


def test_values_are_read_as_a_person_sees_them() -> None:
    row = [1.0, 1.5, 0.1 + 0.2, 123456789012, True, False, "a\nb", " x ", "é"]
    dates = [datetime(2026, 1, 2), date(2026, 1, 2), datetime(2026, 1, 2, 3, 4), clock(5, 6)]  # noqa: DTZ001
    assert rows_of(workbook({"S": [row, dates]})) == [
        [
            (1, ["1", "1.5", "0.3", "123456789012", "true", "false", "a\nb", " x ", "é"]),
            (2, ["2026-01-02", "2026-01-02", "2026-01-02T03:04:00", "05:06:00"]),
        ]
    ]


def test_a_formula_is_never_evaluated_and_blank_where_no_value_was_saved_with_it() -> None:
    assert rows_of(workbook({"S": [["a", "=1+1", "b"]]})) == [[(1, ["a", "", "b"])]]
    saved_with = '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row>'
    assert rows_of(with_sheet_xml(saved_with)) == [[(1, ["2"])]]


def test_hidden_sheets_are_read_and_merged_cells_count_once() -> None:
    book = Workbook()
    sheet = book["Sheet"]
    sheet["A1"], sheet["C1"] = "title", "x"
    sheet.merge_cells("A1:B2")
    hidden = book.create_sheet("Secret")
    hidden.append(["a"])
    hidden.sheet_state = "hidden"
    assert rows_of(saved(book)) == [[(1, ["title", "", "x"])], [(1, ["a"])]]


def test_blank_rows_and_cells_at_the_end_of_rows_are_skipped_and_rows_keep_their_numbers() -> None:
    rows: list[list[object]] = [["a", "", None], [], [None, ""], ["b"]]
    assert rows_of(workbook({"S": rows})) == [[(1, ["a"]), (4, ["b"])]]


def test_the_last_possible_cell_costs_nothing() -> None:
    book = Workbook()
    book["Sheet"]["A1"] = "a"
    book["Sheet"]["XFD1048576"] = "z"
    content = saved(book)
    assert len(content) < 10_000
    begun = time.monotonic()
    (rows,) = rows_of(content)
    assert [(line, len(row)) for line, row in rows] == [(1, 1), (1_048_576, 16_384)]
    assert time.monotonic() - begun < 5


def test_what_a_sheet_says_of_its_size_need_not_be_true() -> None:
    rows = '</sheetData><dimension ref="A1:A1"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    content = with_sheet_xml(rows + '<row r="2"><c r="B2"><v>2</v></c></row>')
    assert rows_of(content) == [[(1, ["1"]), (2, ["", "2"])]]


def test_a_bomb_is_refused_by_what_the_archive_says_of_its_size() -> None:
    content = with_sheet_xml(
        '<row><c t="inlineStr"><is><t>' + "a" * 30_000_000 + "</t></is></c></row>"
    )
    assert len(content) < 100_000
    problem = refused(content, replace(QUICK, unpacked=10_000_000))
    assert problem.code == "xlsx_too_large_unpacked"


def test_too_much_memory_ends_the_child_not_the_caller() -> None:
    content = with_sheet_xml(
        '<row><c t="inlineStr"><is><t>' + "a" * 80_000_000 + "</t></is></c></row>"
    )
    assert refused(content, replace(QUICK, memory=150_000_000)).code == "xlsx_too_much_memory"


def test_too_much_time_ends_the_child() -> None:
    rows = ("<row>" + "<c><v>1</v></c>" * 40 + "</row>") * 20_000
    problem = refused(with_sheet_xml(rows), replace(QUICK, seconds=1))
    assert problem.code == "xlsx_too_slow"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"rows": 5}, "xlsx_too_many_rows"),
        ({"cells": 10}, "xlsx_too_many_cells"),
        ({"output": 20}, "xlsx_too_much_text"),
        ({"parts": 3}, "xlsx_too_many_parts"),
    ],
)
def test_every_limit_has_a_problem_of_its_own(limits: dict[str, int], code: str) -> None:
    content = workbook({"Assets": [["aaa", "bbb"]] * 10})
    problem = refused(content, replace(QUICK, **limits))
    assert problem.code == code
    if "many_rows" in code or "cells" in code:
        assert "'Assets'" in problem.message


def test_a_row_far_beyond_excels_last_is_refused_at_once() -> None:
    content = with_sheet_xml('<row r="999999999999"><c><v>1</v></c></row>')
    assert refused(content).code == "xlsx_too_many_rows"


def test_a_huge_cell_costs_its_row_alone() -> None:
    cell = "<c t='inlineStr'><is><t>" + "x" * 200_000 + "</t></is></c>"
    good = "<row><c><v>1</v></c></row>"
    (rows,) = rows_of(with_sheet_xml(f"{good}<row>{cell}</row>{good}"))
    assert [line for line, _ in rows] == [1, 2, 3]
    problem = rows[1][1]
    assert isinstance(problem, Problem)
    assert (problem.code, problem.row) == ("too_long_cell", 2)
    assert "200,000" in problem.message


def test_entities_that_multiply_are_refused() -> None:
    entities = '<!ENTITY a0 "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9)
    )
    sheet = f"<!DOCTYPE x [{entities}]><worksheet><t>&a9;</t></worksheet>"
    content = with_part(workbook({"S": [["a"]]}), "xl/worksheets/sheet1.xml", sheet)
    assert refused(content).code == "xlsx_unreadable"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


@pytest.mark.parametrize(
    ("content", "code", "remedy"),
    [
        (OLE, "xlsx_old_workbook", ".xlsx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "xlsx_encrypted", "password"),
        (zipped("xl/workbook.bin"), "xlsx_binary_workbook", ".xlsx"),
        (zipped("content.xml", "mimetype"), "xlsx_no_workbook", "OpenDocument"),
        (workbook({"S": [["a"]]})[:2000], "xlsx_broken_archive", "again"),
        (b"PK\x03\x04", "xlsx_broken_archive", "again"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx_unreadable", "CSV"),
        (
            with_part(workbook({"S": [["a"]]}), "xl/_rels/workbook.xml.rels", None),
            "xlsx_unreadable",
            "CSV",
        ),
    ],
)
def test_what_is_no_workbook_that_can_be_read_says_what_to_do(
    content: bytes, code: str, remedy: str
) -> None:
    problem = refused(content)
    assert problem.code == code
    assert remedy in str(problem.hint)
    assert getattr(choose(InputFile("book.xlsx", content)), "code", None) == code


def test_a_sheet_that_cannot_be_read_is_named() -> None:
    problem = refused(with_sheet_xml('<row><c t="s"><v>99</v></c></row>'))
    assert problem.code == "xlsx_unreadable"
    assert "'Sheet'" in problem.message


def test_tables_name_the_sheet_where_there_are_several() -> None:
    rows = [["Assets of 2026"], ["Name", "Owner", "Owner"], ["web", "a", "b"]]
    tables = OpenedFile("b.xlsx", workbook({"One": rows, "Two": rows, "Empty": []})).tables
    assert isinstance(tables, list)
    assert [(table.file, table.name) for table in tables] == [
        ("b.xlsx [One]", "One"),
        ("b.xlsx [Two]", "Two"),
    ]
    assert tables[0].header == ("Name", "Owner", "Owner (2)")
    (row,) = tables[0].rows()
    assert not isinstance(row, Problem)
    assert row.cells == {"Name": "web", "Owner": "a", "Owner (2)": "b"}
    alone = OpenedFile("b.xlsx", workbook({"One": rows})).tables
    assert isinstance(alone, list)
    assert alone[0].file == "b.xlsx"


def test_rows_of_two_sheets_can_be_read_at_the_same_time() -> None:
    content = workbook({"A": [[1], [2], [3]], "B": [[4], [5], [6]]})
    sheets = read_xlsx(InputFile("x", content))
    assert not isinstance(sheets, Problem)
    pairs = zip(sheets[0].rows(), sheets[1].rows(), strict=True)
    assert [(a[1], b[1]) for a, b in pairs] == [(["1"], ["4"]), (["2"], ["5"]), (["3"], ["6"])]


def test_a_child_that_dies_without_a_word_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "_CHILD", "/nonexistent.py")
    assert refused(workbook({"S": [["a"]]})).code == "xlsx_unreadable"


BOOK = workbook({"S": [["name", "ci_class"], ["web", "server"]]})


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, len(BOOK) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_damage_anywhere_never_raises(at: int, damage: bytes, cut: bool) -> None:
    content = BOOK[:at] if cut else BOOK[:at] + damage + BOOK[at + len(damage) :]
    read_xlsx(InputFile("x", content), QUICK)
