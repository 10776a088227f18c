"""CSV row by row, with the physical line of each; quoting that is lost ends the reading."""

import csv
import io
from collections.abc import Iterator

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem

DELIMITERS = ",;\t|"
HEAD = 16_384
"""Characters (bytes, while it is not decoded) of a file that are looked at to find things out."""


def sep_line(text: str) -> int:
    """1 where the first line is Excel's own `sep=;`, which is no header."""
    return int(text[:4].lower() == "sep=")


def first_row(lines: Iterator[str], delimiter: str, skipped: int) -> list[str]:
    for _ in range(skipped):
        next(lines, None)
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in row):
                return row
    except csv.Error:
        return []
    return []


def csv_rows(
    file: InputFile, delimiter: str, skipped: int, encoding: str
) -> Iterator[tuple[int, list[str] | Problem]]:
    """Each row with the physical line at which it starts; stops where quoting is lost."""
    lines = io.TextIOWrapper(io.BytesIO(file.content), encoding=encoding, newline="")
    for _ in range(skipped):
        next(lines, None)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    before = 0
    while True:
        first = before + skipped + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            several = reader.line_num - before > 1
            yield first, _broken(Where(file.name, first), str(error), several)
            if several:
                return
        else:
            yield first, row
        before = reader.line_num


def _broken(where: Where, reason: str, several: bool) -> Problem:
    if "field limit" in reason:
        message = f"a cell is longer than {csv.field_size_limit():,} characters"
    else:
        message = f"the quotes in this row do not match ({reason})"
    if several:
        message += "; the file is not read further"
    return problem(
        "broken_row",
        message,
        where=where,
        hint='a quote inside of a quoted cell is written twice: "say ""hello"""',
    )
