"""The native CSV: configuration items or relationships, told apart by the headers."""

import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from cmdb.importers.csv_text import DELIMITERS, HEAD, csv_rows, first_row, sep_line
from cmdb.importers.encoding import decode, encoding_of
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import (
    CI_FIELDS,
    RELATIONSHIP_FIELDS,
    Kind,
    KindSeen,
    ParsedRecord,
    Where,
)
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "native_csv"

_FIELDS = {Kind.CI: CI_FIELDS, Kind.RELATIONSHIP: RELATIONSHIP_FIELDS}
_REQUIRED = {Kind.CI: ("name", "ci_class"), Kind.RELATIONSHIP: ("dependent", "provider")}
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


def recognises(file: OpenedFile) -> Recognition | None:
    """By the headers that the native format requires."""
    head = file.content[:HEAD].decode(encoding_of(file.content), errors="ignore")
    skipped = sep_line(head)
    header = first_row(iter(io.StringIO(head, newline="")), _delimiter(head), skipped)
    names = set(_canonical(header))
    for required in _REQUIRED.values():
        if names.issuperset(required):
            return Recognition.by_content(f"its header has {' and '.join(required)}")
    known = sorted(names & {*CI_FIELDS, *RELATIONSHIP_FIELDS})
    if len(known) > 1:
        return Recognition.weakly(f"its header has {' and '.join(known)}")
    return Recognition.by_name(file, ".csv", ".tsv", ".txt")


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Records in the order of the files, with problems where rows are not such as the header says.

    Cells are left as they are; blank ones are left out.
    """
    for file in files:
        yield from _read(file)


def _read(file: OpenedFile) -> Iterator[Item]:
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    delimiter, skipped = _delimiter(text), sep_line(text)
    del text  # the rows below are decoded again as they are read, so that this copy can go
    rows = csv_rows(file, delimiter, skipped, encoding_of(file.content))
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
    head = text[:HEAD]
    skipped = sep_line(head)
    known = {*CI_FIELDS, *RELATIONSHIP_FIELDS}

    def score(delimiter: str) -> tuple[int, int]:
        row = first_row(iter(io.StringIO(head, newline="")), delimiter, skipped)
        return len(known & set(_canonical(row))), len(row)

    return max(DELIMITERS, key=score)
