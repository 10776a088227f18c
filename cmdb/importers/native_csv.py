"""The native CSV: configuration items or relationships, told apart by the headers."""

import csv
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from cmdb.importers.encoding import decode, encoding_of
from cmdb.importers.records import (
    CI_FIELDS,
    RELATIONSHIP_FIELDS,
    InputFile,
    Kind,
    KindSeen,
    ParsedRecord,
    ReadLimits,
    Where,
)
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "native_csv"

_DELIMITERS = ",;\t|"
_FIELDS = {Kind.CI: CI_FIELDS, Kind.RELATIONSHIP: RELATIONSHIP_FIELDS}
_REQUIRED = {Kind.CI: ("name", "ci_class"), Kind.RELATIONSHIP: ("dependent", "provider")}
_HEAD = 16_384
"""Bytes that are looked at to recognise the format."""
_LONG_NAME = 8
"""Characters from which two slips, not one, still count as a misspelling."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which cell holds what, by position."""

    kind: Kind
    fields: tuple[tuple[int, str], ...]
    attributes: tuple[tuple[int, str], ...]
    nameless: tuple[int, ...]
    """Columns under an empty header."""
    width: int


def recognises(file: InputFile) -> int:
    """How sure it is that this is a native CSV, 0 to 3."""
    named = file.name.lower().endswith((".csv", ".tsv", ".txt"))
    head = file.content[:_HEAD].decode(encoding_of(file.content), errors="ignore")
    skipped = _sep_line(head)
    header = _first_row(iter(io.StringIO(head, newline="")), _delimiter(head), skipped)
    known = set(_canonical(header)) & {*CI_FIELDS, *RELATIONSHIP_FIELDS}
    return (2 if len(known) > 1 else 0) + (1 if named else 0)


def read(file: InputFile, limits: ReadLimits) -> Iterator[ParsedRecord | KindSeen | Problem]:
    """Records in the order of the file, with problems where rows are not such as the header says.

    Cells are left as they are; blank ones are left out.
    """
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    delimiter, skipped = _delimiter(text), _sep_line(text)
    del text  # the rows below are decoded again as they are read, so that this copy can go
    rows = _rows(file, delimiter, skipped)
    header: list[str] = []
    header_line = 1
    for line, row in rows:
        if isinstance(row, Problem):
            yield row
            return
        if any(cell.strip() for cell in row):
            header, header_line = row, line
            break
    layout = yield from _layout(header, Where(file.name, header_line))
    if layout is None:
        return
    yield KindSeen(layout.kind)
    for line, row in rows:
        if isinstance(row, Problem):
            yield row.model_copy(update={"kind": layout.kind})
        elif any(row) and any(cell.strip() for cell in row):
            yield _record(layout, Where(file.name, line), row)


def _record(layout: _Layout, where: Where, row: list[str]) -> ParsedRecord | Problem:
    if len(row) != layout.width:
        surplus = row[layout.width :]
        if len(row) < layout.width or any(cell.strip() for cell in surplus):
            return problem(
                "ragged_row",
                f"this row has {len(row)} cells, the header has {layout.width}",
                where=where,
                kind=layout.kind,
                value=surplus[0] if surplus else None,
                hint="a delimiter is missing or too many; a cell that holds one needs quotes",
            )
    for position in layout.nameless:
        if row[position].strip():
            return problem(
                "value_without_header",
                f"cell {position + 1} has a value, but its column has no header",
                where=where,
                kind=layout.kind,
                value=row[position],
                hint="name the column in the header, or empty it",
            )
    fields = {name: row[position] for position, name in layout.fields if row[position]}
    attributes = {
        name: row[position] for position, name in layout.attributes if row[position].strip()
    }
    return ParsedRecord(layout.kind, where, fields, attributes)


def _layout(header: list[str], where: Where) -> Generator[Problem, None, _Layout | None]:
    """The layout that the header says; None after an error."""
    names = _canonical(header)
    kind = _kind_of(names)
    if kind is None:
        yield problem(
            "unknown_header",
            "no column of the native format is in the first row",
            where=where,
            value=", ".join(header),
            hint="configuration items need `name` and `ci_class`, relationships `dependent` and "
            "`provider`",
        )
        return None
    known = _FIELDS[kind]
    problems: list[Problem] = []
    found: set[str] = set()
    missing = [field for field in known if field not in names]
    for position, name in enumerate(names):
        if name in found:
            code, message = "duplicate_column", f"the column {header[position].strip()!r} is twice"
            hint: str | None = "keep one of the two"
        elif not name or name in known:
            found.update({name} - {""})
            continue
        elif near := _misspelt(name, missing):
            code, message = "unknown_column", f"there is no field {header[position].strip()!r}"
            hint = f"did you mean {near!r}?"
        elif kind is Kind.RELATIONSHIP:
            yield problem(
                "unknown_column",
                "relationships have no such field: the column is not read",
                where=where,
                severity=Severity.WARNING,
                column=header[position].strip(),
                hint=f"the fields are {', '.join(known)}",
            )
            continue
        else:
            found.add(name)
            continue
        problems.append(
            problem(code, message, where=where, column=header[position].strip(), hint=hint)
        )
    if not problems:
        problems = [
            problem(
                "missing_column",
                f"the required column {field!r} is missing",
                where=where,
                column=field,
                hint=f"the columns are {', '.join(sorted(found))}",
            )
            for field in _REQUIRED[kind]
            if field not in found
        ]
    if problems:
        yield from problems
        return None
    extra = [
        (position, header[position].strip())
        for position, name in enumerate(names)
        if name and name not in known and kind is Kind.CI
    ]
    width = len(names)
    while width and not names[width - 1]:
        width -= 1
    return _Layout(
        kind,
        tuple((position, name) for position, name in enumerate(names) if name in known),
        tuple(extra),
        tuple(position for position, name in enumerate(names[:width]) if not name),
        width,
    )


def _kind_of(names: list[str]) -> Kind | None:
    """The kind whose fields the header names best, misspelt ones counted half."""
    scores = {}
    for kind, fields in _FIELDS.items():
        exact = sum(name in fields for name in names)
        near = sum(name not in fields and bool(_misspelt(name, fields)) for name in names)
        required = sum(field in names for field in _REQUIRED[kind])
        scores[kind] = exact + near / 2 + required
    best = max(scores, key=lambda kind: scores[kind])
    return best if scores[best] else None


def _misspelt(name: str, fields: list[str] | tuple[str, ...]) -> str | None:
    """The field that `name` is a slip of the fingers away from."""
    for field in fields:
        slips = OSA.distance(name, field)
        if 0 < slips <= (2 if len(field) >= _LONG_NAME else 1):
            return field
    return None


def _canonical(header: list[str]) -> list[str]:
    return ["_".join(name.lower().replace("-", " ").replace("_", " ").split()) for name in header]


def _delimiter(text: str) -> str:
    """The delimiter with which the header names the most fields, else gives the most cells."""
    head = text[:_HEAD]
    skipped = _sep_line(head)
    known = {*CI_FIELDS, *RELATIONSHIP_FIELDS}

    def score(delimiter: str) -> tuple[int, int]:
        row = _first_row(iter(io.StringIO(head, newline="")), delimiter, skipped)
        return len(known & set(_canonical(row))), len(row)

    return max(_DELIMITERS, key=score)


def _sep_line(text: str) -> int:
    """1 where the first line is Excel's own `sep=;`, which is no header."""
    return int(text[:4].lower() == "sep=")


def _first_row(lines: Iterator[str], delimiter: str, skipped: int) -> list[str]:
    for _ in range(skipped):
        next(lines, None)
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in row):
                return row
    except csv.Error:
        return []
    return []


def _rows(
    file: InputFile, delimiter: str, skipped: int
) -> Iterator[tuple[int, list[str] | Problem]]:
    """Each row with the physical line at which it starts; stops where quoting is lost."""
    lines = io.TextIOWrapper(
        io.BytesIO(file.content), encoding=encoding_of(file.content), newline=""
    )
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
