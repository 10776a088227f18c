"""Records of ServiceNow as its files write them: Table API JSON, XML, and list exports."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from cmdb.importers.gathered import by_form
from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import BadValue, Where
from cmdb.importers.tables import Table
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

RELATIONSHIPS = "cmdb_rel_ci"
JSON_LISTS = ("result", "records")
"""Where the Table API and the list's JSON export have their records."""
XML_ROOTS = ("unload", "xml")

_SYS_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_TABLE_NAME = re.compile(
    r"(?<![a-z0-9])(?:u_|x_[a-z0-9]+_)?"
    r"(?:sys_user(?:_group)?|(?:cmdb|cmn|core|ast|alm)(?:_[a-z][a-z0-9]*)+)"
)
_TOLD_BY_FIELD = {"user_name": "sys_user", "parent_descriptor": "cmdb_rel_type"}
"""Tables whose records are known by a field that no other has."""


def is_sys_id(text: str) -> bool:
    """Whether a text has the form of a record's id."""
    return _SYS_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Cell:
    """What a record says in one field; of the two forms one may be missing."""

    value: str
    """As the database has it: a code, or the sys_id of what a reference names."""
    display: str
    """As people see it."""
    is_reference: bool = False

    @classmethod
    def bare(cls, text: str) -> "Cell":
        """From a file that has one form only."""
        return cls(text, "") if is_sys_id(text) else cls("", text)

    def __bool__(self) -> bool:
        return bool(self.value or self.display)

    def __str__(self) -> str:
        return self.value or self.display


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its table where the file says it, and the fields that say anything."""

    where: Where
    table: str
    cells: dict[str, Cell]

    def text(self, field: str) -> str:
        """A field's value, else what is displayed of it."""
        return str(self.cells.get(field, ""))


@dataclass(frozen=True, slots=True)
class TableSeen:
    """The file holds this table, with or without records."""

    table: str


def read_file(file: OpenedFile, mapping: SourceMapping) -> Iterator[Record | TableSeen | Problem]:
    """Everything that one file says."""
    columns = Columns(mapping)
    yield from by_form(
        file, lambda each: _json(each, columns), _xml, lambda table: _table(table, columns)
    )


class Columns(dict[str, str]):
    """The field that a column shows, by its label or name; each is looked up once."""

    def __init__(self, mapping: SourceMapping) -> None:
        super().__init__()
        self._mapping = mapping

    def __missing__(self, header: str) -> str:
        said = str(self._mapping.value("column", header)).strip()
        found = self[header] = said.casefold().replace(" ", "_")
        return found


def table_name(text: str) -> str:
    """The table that a file or sheet is named after; empty where it is none."""
    found = _TABLE_NAME.search(PurePath(text).name.casefold())
    return found[0] if found else ""


def _json(file: OpenedFile, columns: Columns) -> Iterator[Record | TableSeen | Problem]:
    document = file.json
    if isinstance(document, Problem):
        yield document
        return
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        said = document["error"].get("message") or document["error"].get("detail")
        yield problem(
            "source_error",
            f"ServiceNow answered with an error: {said}",
            where=Where(file.name, None, "/error"),
            hint="the file holds no records; get it again with a user who may read the table",
        )
        return
    name = ""
    if isinstance(document, dict):
        name = next((each for each in JSON_LISTS if each in document), "")
        document = document.get(name)
    entries = [document] if isinstance(document, dict) else document
    if not isinstance(entries, list):
        yield problem(
            "unexpected_shape",
            "a file of ServiceNow's Table API must hold a list of records under `result`",
            where=Where(file.name, None, ""),
            value=entries,
            hint='{"result": [{"sys_id": …}]}',
        )
        return
    table = table_name(file.name)
    if table:
        yield TableSeen(table)
    for position, entry in enumerate(entries):
        where = Where(file.name, None, f"/{name}/{position}" if name else f"/{position}")
        if not isinstance(entry, dict):
            yield problem(
                "unexpected_shape", "a record must be an object", where=where, value=entry
            )
            continue
        yield from _json_record(where, table, entry, columns)


def _json_record(
    where: Where, table: str, entry: Mapping[str, Any], columns: Columns
) -> Iterator[Record | Problem]:
    cells: dict[str, Cell] = {}
    for name, raw in entry.items():
        cell = _json_cell(raw)
        if cell is None:
            yield problem(
                "unexpected_shape",
                f"the value of {name!r} is neither a text nor a reference, and was left out",
                where=where,
                severity=Severity.WARNING,
                column=name,
                value=raw,
            )
        elif cell:
            cells[columns[name]] = cell
    for name in [each for each in cells if each.startswith("dv_")]:
        shown = cells.pop(name)
        base = cells.get(name.removeprefix("dv_"), Cell("", ""))
        cells[name.removeprefix("dv_")] = Cell(str(base), str(shown), is_sys_id(str(base)))
    yield Record(where, _told_table(table, {columns[name] for name in entry}), cells)


def _json_cell(raw: Any) -> Cell | None:
    """None where it is no value of a field."""
    if raw is None:
        return Cell("", "")
    if isinstance(raw, dict):
        parts = {name: _text(raw.get(name)) for name in ("value", "display_value", "link")}
        value, display = parts["value"], parts["display_value"]
        if value is None or display is None:
            return None
        return Cell(value, display, is_reference=bool(parts["link"]))
    text = _text(raw)
    return None if text is None else Cell.bare(text)


def _text(raw: Any) -> str | None:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw).strip() if isinstance(raw, str | int | float | BadValue) else None


def _xml(file: OpenedFile) -> Iterator[Record | TableSeen | Problem]:
    root = file.xml
    if isinstance(root, Problem):
        yield root
        return
    if root.tag not in XML_ROOTS:
        yield problem(
            "unexpected_shape",
            f"ServiceNow's XML is an <unload> or <xml>, this is a <{root.tag}>",
            where=Where(file.name),
        )
        return
    if table := table_name(file.name):
        yield TableSeen(table)
    deleted = 0
    for position, element in enumerate(root):
        if element.get("action", "").upper() == "DELETE":
            deleted += 1
            continue
        cells = {
            field.tag: Cell(value, shown, is_reference=bool(shown) and is_sys_id(value))
            for field in element
            if (value := (field.text or "").strip()) or field.get("display_value")
            for shown in [(field.get("display_value") or "").strip()]
        }
        yield Record(Where(file.name, None, f"/{root.tag}/{position}"), element.tag, cells)
    if deleted:
        yield problem(
            "deleted_records",
            f"{deleted:,} records say that they were deleted, and were left out",
            where=Where(file.name),
            severity=Severity.WARNING,
            hint="`--missing retire` retires what a full export no longer holds",
        )


def _table(table: Table, columns: Columns) -> Iterator[Record | TableSeen | Problem]:
    yield from table.warnings
    fields = {header: columns[header] for header in table.header if header}
    named = table_name(table.name) or table_name(table.file)
    told = _told_table(named, set(fields.values()))
    yield TableSeen(told)
    for row in table.rows():
        if isinstance(row, Problem):
            yield row
            continue
        cells: dict[str, Cell] = {}
        for header, text in row.cells.items():
            cells.setdefault(fields[header], Cell.bare(text))
        yield Record(row.where, told, cells)


def _told_table(table: str, fields: set[str]) -> str:
    if {"parent", "child", "type"} <= fields and "sys_class_name" not in fields:
        return RELATIONSHIPS
    told = sorted(fields & _TOLD_BY_FIELD.keys())
    return table or (_TOLD_BY_FIELD[told[0]] if told else "")
