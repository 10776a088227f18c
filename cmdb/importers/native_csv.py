"""The native CSV: configuration items or relationships, told apart by the headers."""

import io
from collections.abc import Iterator, Sequence

from cmdb.importers.csv_text import DELIMITERS, HEAD, csv_rows, first_row, sep_line
from cmdb.importers.encoding import decode, encoding_of
from cmdb.importers.formula_cells import may_hold_escapes, unescaped
from cmdb.importers.native_layout import (
    known_columns,
    layout_of,
    recognised,
    record_of,
    resembles,
)
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import KindSeen, Where
from cmdb.importers.xlsx_file import is_workbook
from cmdb.schemas import Problem

NAME = "native_csv"


def recognises(file: OpenedFile) -> Recognition | None:
    """By the headers that the native format requires; a table of other columns is none of ours."""
    if is_workbook(file.content):
        return None
    head = file.content[:HEAD].decode(encoding_of(file.content), errors="ignore")
    skipped = sep_line(head)
    header = first_row(iter(io.StringIO(head, newline="")), _delimiter(head), skipped)
    by_name = Recognition.by_name(file, ".csv", ".tsv", ".txt") if resembles(header) else None
    return recognised(header) or by_name


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Records in the order of the files, with problems where rows are not such as the header says.

    Cells are left as they are, but for the apostrophe in front of what a spreadsheet would take for
    a formula; blank ones are left out.
    """
    for file in files:
        yield from _read(file)


def _read(file: OpenedFile) -> Iterator[Item]:
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    delimiter, skipped = _delimiter(text), sep_line(text)
    escapes = may_hold_escapes(text)
    del text  # the rows below are decoded again as they are read, so that this copy can go
    rows = csv_rows(file, delimiter, skipped, encoding_of(file.content))
    header: list[str] = []
    header_line = 1
    for line, row in rows:
        if isinstance(row, Problem):
            yield row
            return
        if any(cell.strip() for cell in row):
            header, header_line = [unescaped(cell) for cell in row], line
            break
    layout = yield from layout_of(header, Where(file.name, header_line))
    if layout is None:
        return
    yield KindSeen(layout.kind)
    for line, row in rows:
        if isinstance(row, Problem):
            yield row.model_copy(update={"kind": layout.kind})
        elif any(row) and any(cell.strip() for cell in row):
            cells = [unescaped(cell) for cell in row] if escapes else row
            yield record_of(layout, Where(file.name, line), cells)


def _delimiter(text: str) -> str:
    """The delimiter with which the header names the most fields, else gives the most cells."""
    head = text[:HEAD]
    skipped = sep_line(head)

    def score(delimiter: str) -> tuple[int, int]:
        row = first_row(iter(io.StringIO(head, newline="")), delimiter, skipped)
        return known_columns(row), len(row)

    return max(DELIMITERS, key=score)
