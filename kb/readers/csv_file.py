"""CSV with a header: one record a row, items of a list separated by `;`."""

import csv
import io
from collections.abc import Iterator

from cmdb.importers.encoding import decode
from cmdb.importers.records import InputFile, Where
from cmdb.names import did_you_mean
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity
from kb.readers.raw import LISTS, RawRecord, Section, fields_of, section_of

_DELIMITERS = ",;\t|"
_HEAD = 16_384
"""Characters that are looked at to find the delimiter."""


def read(file: InputFile, section: Section | None) -> Iterator[RawRecord | Problem]:
    """Records in the order of the file, with physical lines as their places.

    Blank cells are left out. A column that is no field is a warning and not read, unless its name
    is nearly one of a field: then nothing of the file is read, as a slip must not lose a column.
    """
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    rows = _rows(text, file.name, _delimiter(text))
    header: list[str] | None = None
    for where, row in rows:
        if isinstance(row, Problem):
            yield row
        elif not any(cell.strip() for cell in row):
            continue
        elif header is None:
            header = _canonical(row)
            section = section or section_of(file.name, header)
            faults = list(_faults(header, section, where))
            yield from faults
            if any(fault.severity is Severity.ERROR for fault in faults):
                return
        else:
            yield _record(header, row, where, section)


def _record(
    header: list[str], row: list[str], where: Where, section: Section | None
) -> RawRecord | Problem:
    if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
        return problem(
            "ragged_row",
            f"this row has {len(row)} cells, the header has {len(header)}",
            where=where,
            hint="a delimiter is missing or too many; a cell that holds one needs quotes",
        )
    known = fields_of(section) if section else []
    fields = {
        name: _items(cell) if name in LISTS else cell
        for name, cell in zip(header, row, strict=False)
        if name in known and cell.strip()
    }
    return RawRecord(where, dict(fields), section=section)


def _items(cell: str) -> list[str]:
    return [item.strip() for item in cell.split(";") if item.strip()]


def _faults(header: list[str], section: Section, where: Where) -> Iterator[Problem]:
    known = fields_of(section)
    if not set(known) & set(header):
        yield problem(
            "unknown_header",
            f"no column of {section.replace('_', ' ')} is in the first row",
            where=where,
            value=", ".join(header),
            hint=f"the columns are {', '.join(known)}",
        )
        return
    missing = [name for name in known if name not in header]
    for at, name in enumerate(header):
        if name in header[:at] and name:
            yield problem(
                "duplicate_column", f"the column {name!r} is twice", where=where, column=name
            )
        elif name not in known:
            near = did_you_mean(name, missing) if name else None
            yield problem(
                "unknown_column",
                f"there is no field {name!r}" + ("" if near else ": the column is not read"),
                where=where,
                severity=Severity.ERROR if near else Severity.WARNING,
                column=name,
                hint=near or f"the fields are {', '.join(known)}",
            )


def _canonical(header: list[str]) -> list[str]:
    return [
        "_".join(name.casefold().replace("-", " ").replace("_", " ").split()) for name in header
    ]


def _delimiter(text: str) -> str:
    """The delimiter with which the first row has the most names of fields."""
    known = {name for section in Section for name in fields_of(section)}

    def score(delimiter: str) -> int:
        try:
            first = next(csv.reader(io.StringIO(text[:_HEAD]), delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len(known.intersection(_canonical(first)))

    return max(_DELIMITERS, key=score)


def _rows(text: str, name: str, delimiter: str) -> Iterator[tuple[Where, list[str] | Problem]]:
    """Each row with the physical line at which it starts; stops where quoting is lost."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        where = Where(name, reader.line_num + 1)
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = problem(
                "broken_row",
                f"this row cannot be read ({error}); the file is not read further",
                where=where,
                hint='a quote inside of a quoted cell is written twice: "say ""hello"""',
            )
            yield where, fault
            return
        yield where, row
