"""Tables as other systems and people export them: a header row, and rows that name their line."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cmdb.importers.csv_text import DELIMITERS, HEAD, csv_rows, sep_line
from cmdb.importers.encoding import decode_leniently
from cmdb.importers.records import InputFile, Where
from cmdb.importers.xlsx_file import is_workbook, read_xlsx
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

Rows = Iterator[tuple[int, list[str] | Problem]]
"""Physical lines from 1, and their cells."""

_LOOKED_AT = 20
"""Rows at the top among which the header is looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place, and its cells by header; blank cells are left out."""

    where: Where
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its header; `rows` reads it from its start every time."""

    file: str
    """As problems show it: with the sheet, where a workbook has several."""
    name: str
    """Of the sheet; the file's where it has none."""
    header: tuple[str, ...]
    """As it is written, trimmed; what is there twice is told apart by ` (2)`."""
    header_line: int
    raw_rows: Callable[[], Rows]
    warnings: tuple[Problem, ...] = field(default=())

    def rows(self) -> Iterator[Row | Problem]:
        """Rows that hold anything; a Problem where a row is not such as the header says."""
        width = len(self.header)
        nameless = {at for at, name in enumerate(self.header) if not name}
        for line, cells in self.raw_rows():
            if line <= self.header_line:
                continue
            if isinstance(cells, Problem):
                yield cells
                continue
            filled = [cell.strip() for cell in cells]
            if not any(filled):
                continue
            where = Where(self.file, line)
            if any(filled[width:]):
                yield problem(
                    "ragged_row",
                    f"this row has {len(cells)} cells, the header has {width}",
                    where=where,
                    value=next(cell for cell in filled[width:] if cell),
                    hint="a delimiter is too many; a cell that holds one needs quotes",
                )
                continue
            for at in [at for at in nameless if at < len(filled) and filled[at]]:
                nameless.remove(at)
                yield problem(
                    "value_without_header",
                    f"column {at + 1} has values, but no header: they are left out",
                    where=where,
                    severity=Severity.WARNING,
                    value=filled[at],
                    hint="name the column in the header, or empty it",
                )
            yield Row(
                where,
                {
                    name: cell
                    for name, cell in zip(self.header, filled, strict=False)
                    if cell and name
                },
            )


def read_tables(file: InputFile) -> list[Table] | Problem:
    """The tables of a CSV or XLSX; those without a header row are left out."""
    if is_workbook(file.content):
        sheets = read_xlsx(file)
        if isinstance(sheets, Problem):
            return sheets
        found = [
            table for sheet in sheets if (table := _table(sheet.place, sheet.name, sheet.rows, ()))
        ]
        return found or _no_header(file)
    read = decode_leniently(file)
    if isinstance(read, Problem):
        return read
    text, encoding = read
    warnings: tuple[Problem, ...] = ()
    if encoding == "cp1252":
        warnings = (
            problem(
                "read_as_windows_1252",
                "the file is not UTF-8 and was read as Windows-1252",
                where=Where(file.name),
                severity=Severity.WARNING,
                hint="look whether its accents came out right; UTF-8 is safer",
            ),
        )
    skipped, delimiter = sep_line(text), _delimiter(text)
    table = _table(
        file.name, file.name, lambda: csv_rows(file, delimiter, skipped, encoding), warnings
    )
    return [table] if table else _no_header(file)


def _no_header(file: InputFile) -> Problem:
    return problem(
        "no_header",
        "no row at the top looks like a header",
        where=Where(file.name),
        hint="the first row must name the columns",
    )


def _table(
    file: str, name: str, raw_rows: Callable[[], Rows], warnings: tuple[Problem, ...]
) -> Table | None:
    """The table below the first row that has about as many cells as those that follow it."""
    top: list[tuple[int, list[str]]] = []
    for line, cells in raw_rows():
        if isinstance(cells, Problem):
            break
        if any(cell.strip() for cell in cells):
            top.append((line, cells))
        if len(top) == _LOOKED_AT:
            break
    filled = [sum(bool(cell.strip()) for cell in cells) for _, cells in top]
    most = max(filled, default=0)
    for (line, cells), count in zip(top, filled, strict=True):
        if count >= max(min(most, 2), most / 2):  # a title fills one cell
            return Table(file, name, _told_apart(cells), line, raw_rows, warnings)
    return None


def _told_apart(cells: list[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    header: list[str] = []
    for cell in cells:
        name = " ".join(cell.split())
        seen[name] += 1
        header.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    while header and not header[-1]:
        header.pop()
    return tuple(header)


def _delimiter(text: str) -> str:
    """The delimiter that gives the most rows of one width above one cell, then the most cells."""
    head = text[:HEAD]
    if len(text) > HEAD:
        head = head[: head.rfind("\n") + 1] or head

    def score(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(
                len(row)
                for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
                if any(row)
            )
        except csv.Error:
            return (0, 0)
        return max(((rows, width) for width, rows in widths.items() if width > 1), default=(0, 0))

    return max(DELIMITERS, key=score)
