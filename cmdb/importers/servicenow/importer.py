"""ServiceNow: CIs (`cmdb_ci*`) and their relationships (`cmdb_rel_ci`), from any of its exports."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cmdb.importers.doubtful import DoubtfulValues
from cmdb.importers.gathered import gathered
from cmdb.importers.json_text import begins_json
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import matches
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.servicenow.files import (
    JSON_LISTS,
    RELATIONSHIPS,
    XML_ROOTS,
    Cell,
    Record,
    TableSeen,
    is_sys_id,
    read_file,
    table_name,
)
from cmdb.importers.servicenow.keys import AmbiguousNameError, CIKeys, Names, source_class
from cmdb.importers.servicenow.values import combined, lifecycle_status, mac_addresses
from cmdb.importers.xml_text import begins_xml
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "servicenow"

_OWN_FIELDS = ("sys_id", "sys_class_name")
_OWN_LABELS = frozenset(
    [
        *("install status", "operational status", "support group", "used for"),
        *("most recent discovery", "discovery source", "fully qualified domain name"),
    ]
)
_PEOPLE = ("owner", "support_group")
"""Our fields that name people or groups: a sys_id says nothing there."""
_LISTED = 5


def recognises(file: OpenedFile) -> Recognition | None:
    """By `sys_id` and `sys_class_name`, by `<unload>`, by a list's columns or the table's name."""
    if begins_json(file):
        return _recognises_json(file.json)
    if begins_xml(file):
        root = file.xml
        if isinstance(root, Problem) or root.tag not in XML_ROOTS:
            return None
        if root.tag == "unload":
            return Recognition.by_content("it is an <unload>")
        if any(child.find("sys_id") is not None for child in root):
            return Recognition.by_content("its records have a sys_id")
        return None
    tables = file.tables
    if isinstance(tables, Problem):
        return None
    for table in tables:
        header = {column.casefold() for column in table.header}
        own = [field for field in _OWN_FIELDS if {field, field.replace("_", " ")} & header]
        if own:
            return Recognition.by_content(f"it has the column {own[0]}")
        if {"parent", "type", "child"} <= header:
            return Recognition.by_content("it has the columns Parent, Type and Child")
        if "class" in header and (labels := sorted(header & _OWN_LABELS)):
            return Recognition.by_content(f"it has the columns Class and {labels[0].capitalize()}")
        if "name" in header and table_name(file.name).startswith("cmdb_"):
            return Recognition.by_content(f"it is named after the table {table_name(file.name)}")
    return None


def _recognises_json(document: Any) -> Recognition | None:
    if not isinstance(document, dict):
        return None
    entries = next((document[name] for name in JSON_LISTS if name in document), None)
    first = entries[0] if isinstance(entries, list) and entries else entries
    if not isinstance(first, dict):
        return None
    own = [field for field in _OWN_FIELDS if field in first]
    if own or {"parent", "child", "type"} <= first.keys():
        return Recognition.by_content(f"its records have {own[0] if own else 'parent and child'}")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """CIs, then relationships. References are looked up among the records of all files."""
    yield from gathered(_Load(context), files)


class _Load:
    """The records of all files of one load, and what was left out of them."""

    def __init__(self, context: ReadContext) -> None:
        self.mapping = context.mapping
        self.mapped = MappedRecords(self.mapping)
        self.doubtful = DoubtfulValues()
        self.names = Names()
        self.described: list[Record] = []
        self.stated: list[Record] = []
        self.keys = CIKeys([], self.mapping)
        self.left_out: Counter[str] = Counter()
        self._no_cis = _Patterns(_texts(self.mapping.options.get("no_cis")))
        self._references = _Patterns(_texts(self.mapping.options.get("references")))
        self._ours = {
            field: ours
            for ours, theirs in reversed(self.mapping.fields.items())
            for field in _texts(theirs)
        }

    def take(self, file: OpenedFile) -> Iterator[Item]:
        """Keep what a file describes."""
        for item in read_file(file, self.mapping):
            if isinstance(item, TableSeen):
                yield from self._kind(item.table)
            elif isinstance(item, Problem):
                yield item
            else:
                self.names.learn(item)
                if item.table.startswith(RELATIONSHIPS):
                    self.stated.append(item)
                elif not self._no_cis[item.table] and not self._no_cis[item.text("sys_class_name")]:
                    self.described.append(item)

    def cis(self) -> Iterator[Item]:
        """The CIs, each once, whatever number of files describe it."""
        self.keys = CIKeys(self.described, self.mapping)
        for key, records in self.keys:
            said_class = source_class(records, self.mapping)
            made = [self._ci(key, said_class, record) for record in records]
            found = [record for record in made if record is not None]
            if found and not any(record.fields.get("name") for record in found):
                self.left_out["no_name"] += 1
                continue
            yield from combined(found)

    def relationships(self) -> Iterator[Item]:
        """What `cmdb_rel_ci` says: *parent* ‹the type's first half› *child*."""
        for record in self.stated:
            ends: list[str] = []
            for field in ("parent", "child"):
                found = self._end(record, field)
                if isinstance(found, Problem):
                    yield found
                elif found:
                    ends.append(found)
            if len(ends) < len(("parent", "child")):
                continue
            if ends[0] == ends[1]:
                self.left_out["itself"] += 1
                continue
            made = self.mapped.relationship(record.where, self._type(record), *ends)
            if made is not None:
                yield made

    def warnings(self, file: str) -> Iterator[Problem]:
        """What was left out or not understood, with counts."""
        yield from self.mapped.warnings(file)
        yield from self.doubtful.warnings(file)
        for code, (message, hint) in _LEFT_OUT.items():
            if count := self.left_out[code]:
                yield problem(
                    code,
                    message.format("1 record" if count == 1 else f"{count:,} records"),
                    where=Where(file),
                    severity=Severity.WARNING,
                    hint=hint,
                )

    def _kind(self, table: str) -> Iterator[KindSeen]:
        if table.startswith(RELATIONSHIPS):
            yield KindSeen(Kind.RELATIONSHIP)
        elif not self._no_cis[table]:
            yield KindSeen(Kind.CI)

    def _ci(self, key: str, said_class: str, record: Record) -> ParsedRecord | None:
        said: dict[str, Any] = {}
        for field, cell in record.cells.items():
            said.update(self._said(field, cell))
        status = lifecycle_status(record, self.mapping)
        if status is not None:
            said["status"] = status
        made = self.mapped.ci(record.where, key, said_class, said)
        if made is None:
            return None
        if not any(each.text("sys_id") for each in self.keys.groups[key]):
            del made.fields["key"]
        mac_addresses(made)
        return self.doubtful.set_aside(made)

    def _said(self, field: str, cell: Cell) -> dict[str, str]:
        """The field as the mapping sees it: a code as it is, a reference by its name."""
        shown = self.names.name(field, cell)
        if not is_sys_id(cell.value):
            ours = self._ours.get(field, field)
            codes = (text for text in (cell.value, cell.display) if text)
            known = (text for text in codes if self.mapping.value(ours, text) != text)
            return {field: next(known, str(cell))}
        if shown:
            return {field: shown}
        if cell.is_reference or self._references[field]:
            if self._ours.get(field) in _PEOPLE:
                self.left_out["unnamed_references"] += 1
            return {f"{field}_sys_id": cell.value}
        return {field: cell.value}

    def _end(self, record: Record, field: str) -> str | Problem | None:
        cell = record.cells.get(field, Cell("", ""))
        if not cell:
            return problem(
                "missing_value",
                f"the relationship names no {field}",
                where=record.where,
                kind=Kind.RELATIONSHIP,
                column=field,
            )
        try:
            found = self.keys.find(cell)
        except AmbiguousNameError as error:
            listed = ", ".join(
                f"{key} ({source_class(self.keys.groups[key], self.mapping)})"
                for key in error.candidates[:_LISTED]
            )
            return problem(
                "ambiguous_reference",
                f"{len(error.candidates)} CIs are called {error.name!r}: {listed}",
                where=record.where,
                kind=Kind.RELATIONSHIP,
                column=field,
                value=error.name,
                hint="export the relationships with sys_ids: through the Table API, or as XML",
            )
        if found is None and not self.keys:
            return str(cell)
        if found is None:
            self.left_out["unknown_ends"] += 1
        return found

    def _type(self, record: Record) -> str:
        """The type's name; its sys_id where neither a file nor the mapping names it."""
        cell = record.cells.get("type", Cell("", ""))
        named = str(self.mapping.value("relationship_type", cell.value))
        if cell.value and named != cell.value:
            return named
        return self.names.name("type", cell) or cell.value or "(none)"


_LEFT_OUT = {
    "unnamed_references": (
        (
            "an owner or support group is but a sys_id in {}: no file names it, and it became an "
            "attribute ending in `_sys_id`"
        ),
        (
            "export with display values (`sysparm_display_value=all`), or load `sys_user` and "
            "`sys_user_group` with it"
        ),
    ),
    "unknown_ends": (
        "left out {} of cmdb_rel_ci: no file describes the parent or the child",
        "export the classes of these CIs, too",
    ),
    "itself": ("left out {} of cmdb_rel_ci: parent and child are one CI", None),
    "no_name": (
        "left out {}: a CI with neither a name nor a host name",
        "give them names in ServiceNow",
    ),
}


class _Patterns(dict[str, bool]):
    """Whether a name fits one of some patterns, found out once for each name."""

    def __init__(self, patterns: Sequence[str]) -> None:
        super().__init__()
        self._patterns = patterns

    def __missing__(self, name: str) -> bool:
        found = self[name] = matches(name, self._patterns)
        return found


def _texts(option: Any) -> list[str]:
    if isinstance(option, list):
        return [str(each) for each in option]
    return [] if option is None else [str(option)]
