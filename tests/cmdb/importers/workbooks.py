"""Workbooks for tests: made by openpyxl, or with a sheet's XML written by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from openpyxl import Workbook

_HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_FOOT = "</sheetData></worksheet>"


def workbook(sheets: Mapping[str, Sequence[Any]], hidden: Sequence[str] = ()) -> bytes:
    """A workbook with these rows by the name of their sheet."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        if name in hidden:
            sheet.sheet_state = "hidden"
    return saved(book)


def saved(book: Workbook) -> bytes:
    """The bytes of a workbook."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_sheet_xml(rows: str) -> bytes:
    """A workbook whose only sheet has these rows, as XML."""
    return with_part(workbook({"Sheet": [["x"]]}), "xl/worksheets/sheet1.xml", _HEAD + rows + _FOOT)


def with_part(content: bytes, name: str, text: str | None) -> bytes:
    """The workbook with another part, or without it."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        if text is not None:
            new.writestr(name, text)
    return file.getvalue()
