"""The columns of the native format: which cell holds what, and the records that rows make."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import OSA

from cmdb.importers.json_text import parse_cell
from cmdb.importers.protocol import Recognition
from cmdb.importers.records import CI_FIELDS, RELATIONSHIP_FIELDS, Kind, ParsedRecord, Where
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_FIELDS = {Kind.CI: CI_FIELDS, Kind.RELATIONSHIP: RELATIONSHIP_FIELDS}
_REQUIRED = {Kind.CI: ("name", "ci_class"), Kind.RELATIONSHIP: ("dependent", "provider")}
_ALL = frozenset((*CI_FIELDS, *RELATIONSHIP_FIELDS))
JSON_SUFFIX = ":json"
"""Behind the name of an attribute: the cells below are JSON, not text."""
FURTHER = "attributes"
"""Before that suffix: the cells are objects, of attributes that have no column of their own."""
_LONG_NAME = 8
"""Characters from which two slips, not one, still count as a misspelling."""

_FOREIGN = "is it no file of ours, `opsatlas sources map FILE` proposes how to read it"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cell holds what, by position."""

    kind: Kind
    fields: tuple[tuple[int, str], ...]
    attributes: tuple[tuple[int, str], ...]
    typed: tuple[tuple[int, str], ...]
    """Attributes whose cells are JSON; `FURTHER` stands for objects of attributes."""
    nameless: tuple[int, ...]
    """Columns under an empty header."""
    width: int


def recognised(header: Iterable[str]) -> Recognition | None:
    """How sure it is that a table with this header is native."""
    written = canonical(header)
    names = set(written)
    for fields in _FIELDS.values():
        if tuple(written[: len(fields)]) == fields:
            return Recognition.exactly("its header begins with all the native columns")
    for required in _REQUIRED.values():
        if names.issuperset(required):
            return Recognition.by_content(f"its header has {' and '.join(required)}")
    known = sorted(names & _ALL)
    if len(known) > 1:
        return Recognition.weakly(f"its header has {' and '.join(known)}")
    return None


def resembles(header: Iterable[str]) -> bool:
    """Whether at least two columns are ours, or slips of the fingers away from that."""
    names = canonical(header)
    return sum(name in _ALL or bool(_misspelt(name, sorted(_ALL))) for name in names) > 1


def canonical(header: Iterable[str]) -> list[str]:
    """Headers in the spelling of our fields."""
    return ["_".join(name.lower().replace("-", " ").replace("_", " ").split()) for name in header]


def attribute_of_json(header: str) -> str | None:
    """The attribute whose values are JSON below this header; None where they are text."""
    written = header.strip()
    name = written[: -len(JSON_SUFFIX)].strip()
    return name if written.lower().endswith(JSON_SUFFIX) and any(canonical([name])) else None


def known_columns(header: Iterable[str]) -> int:
    """How many columns are fields of ours."""
    return len(_ALL.intersection(canonical(header)))


def layout_of(header: list[str], where: Where) -> Generator[Problem, None, Layout | None]:
    """The layout that the header says; None after an error."""
    names = canonical(header)
    kind = kind_of(names)
    if kind is None:
        yield problem(
            "unknown_header",
            "no column of the native format is in the first row",
            where=where,
            value=", ".join(header),
            hint="configuration items need `name` and `ci_class`, relationships `dependent` and "
            f"`provider`; {_FOREIGN}",
        )
        return None
    known = _FIELDS[kind]
    problems: list[Problem] = []
    found: set[str] = set()
    missing = [field for field in known if field not in names]
    typed = _typed(header) if kind is Kind.CI else {}
    for position, written in enumerate(names):
        name = canonical([typed[position]])[0] if position in typed else written
        if position in typed and name in known:
            code, message = "unknown_column", f"the field {name!r} is text, not JSON"
            hint: str | None = f"call the column {name!r}"
        elif name in found:
            code, message = "duplicate_column", f"the column {header[position].strip()!r} is twice"
            hint = "keep one of the two"
        elif not name or name in known:
            found.update({name} - {""})
            continue
        elif position not in typed and (near := _misspelt(name, missing)):
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
                hint=f"the columns are {', '.join(sorted(found))}; {_FOREIGN}",
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
        if name and name not in known and kind is Kind.CI and position not in typed
    ]
    width = len(names)
    while width and not names[width - 1]:
        width -= 1
    return Layout(
        kind,
        tuple((position, name) for position, name in enumerate(names) if name in known),
        tuple(extra),
        tuple(typed.items()),
        tuple(position for position, name in enumerate(names[:width]) if not name),
        width,
    )


def record_of(layout: Layout, where: Where, row: list[str]) -> ParsedRecord | Problem:
    """The record of a row, cells as they are, blank ones left out; or why it is none."""
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
    for position, name in layout.typed:
        if row[position].strip() and (refused := _add(attributes, name, row[position])):
            column = f"{name}{JSON_SUFFIX}"
            return problem(
                "invalid_json",  # without the value: who can say that it is no secret
                f"{column!r} has a cell that cannot be read: {refused}",
                where=where,
                kind=layout.kind,
                column=column,
                hint='JSON: 4, true, "a text", ["a", "b"], {"a": 1}',
            )
    return ParsedRecord(layout.kind, where, fields, attributes)


def _typed(header: Sequence[str]) -> dict[int, str]:
    named = ((position, attribute_of_json(name)) for position, name in enumerate(header))
    return {position: name for position, name in named if name is not None}


def _add(attributes: dict[str, Any], name: str, cell: str) -> str | None:
    """Add what a cell of JSON says to the attributes of its row; returns why it cannot be."""
    try:
        said = parse_cell(cell)
    except ValueError as error:
        return str(error)
    if canonical([name]) != [FURTHER]:
        said = {name: said}
    elif not isinstance(said, dict):
        return "it must be an object of attributes"
    twice = next((each for each in said if each in attributes), None)
    if twice is not None:
        return f"the attribute {twice!r} is said twice in this row"
    attributes.update(said)
    return None


def kind_of(names: list[str]) -> Kind | None:
    """The kind whose fields these canonical headers name best, misspelt ones counted half."""
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
