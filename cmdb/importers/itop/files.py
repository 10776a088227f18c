"""Objects of iTop as its files write them: REST answers (JSON), the XML and the CSV export."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from xml.etree.ElementTree import Element

from cmdb.importers.gathered import by_form
from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import BadValue, Where
from cmdb.importers.tables import Table
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

OBJECT_KEY = re.compile(r"[A-Za-z_]\w*::\d+")
"""How a REST answer calls an object: `Server::12`."""
XML_ROOT = "Set"
_ROW = "Row"
"""Stands around the objects of a query that selects several classes."""
_NO_OBJECT = "null"


@dataclass(frozen=True, slots=True)
class Object:
    """One object: its class, its id where the file says it, and the fields that say anything."""

    where: Where
    class_name: str
    id: str
    fields: dict[str, str]
    lists: dict[str, list[dict[str, str]]]
    """Link sets, by their attribute: the links, without the end that is this object."""

    @property
    def key(self) -> str:
        """The stable key; empty where the file says no id."""
        return f"{self.class_name}::{self.id}" if self.id else ""

    @property
    def own_key(self) -> str:
        """What relationships call it: its key, else its name."""
        return self.key or self.fields.get("name", "")


@dataclass(frozen=True, slots=True)
class ClassSeen:
    """The file holds this class, with or without objects; empty where it does not say which."""

    class_name: str


def read_file(file: OpenedFile, mapping: SourceMapping) -> Iterator[Object | ClassSeen | Problem]:
    """Everything that one file says."""
    yield from by_form(
        file, _json, lambda each: _xml(each, mapping), lambda table: _table(table, mapping)
    )


def _json(file: OpenedFile) -> Iterator[Object | ClassSeen | Problem]:
    document = file.json
    if isinstance(document, Problem):
        yield document
        return
    objects = document.get("objects") if isinstance(document, dict) else document
    code = document.get("code", 0) if isinstance(document, dict) else 0
    if code not in (0, "0"):
        yield problem(
            "source_error",
            f"iTop answered with error {_text(code)}: {_text(document.get('message'))}",
            where=Where(file.name, None, "/message"),
            hint="the file holds no objects; get it again with a user who may read the class",
        )
        return
    if objects is None and isinstance(document, dict) and "objects" in document:
        yield ClassSeen("")
        return
    if not isinstance(objects, dict):
        yield problem(
            "unexpected_shape",
            "an answer of iTop's REST service must hold its objects under `objects`",
            where=Where(file.name, None, ""),
            value=objects,
            hint='{"objects": {"Server::12": {"class": "Server", "key": "12", "fields": {…}}}}',
        )
        return
    for name, entry in objects.items():
        where = Where(file.name, None, f"/objects/{name.replace('~', '~0').replace('/', '~1')}")
        fields = entry.get("fields") if isinstance(entry, dict) else None
        if not isinstance(fields, dict):
            yield problem(
                "unexpected_shape",
                "an object must have `class`, `key` and `fields`",
                where=where,
                value=entry,
            )
            continue
        called, _, numbered = name.partition("::")
        class_name = _text(fields.get("finalclass")) or _text(entry.get("class")) or called
        number = _text(entry.get("key")) or _text(fields.get("id")) or numbered
        yield from _json_object(where, class_name, number, fields)


def _json_object(
    where: Where, class_name: str, number: str, entry: Mapping[str, Any]
) -> Iterator[Object | Problem]:
    fields: dict[str, str] = {}
    lists: dict[str, list[dict[str, str]]] = {}
    for name, raw in entry.items():
        if isinstance(raw, list):
            links = [link for link in raw if isinstance(link, dict)]
            lists[name] = [_texts(link) for link in links]
        elif isinstance(raw, dict):
            yield problem(
                "value_left_out",
                f"{name!r} is a document, image or log, and was left out",
                where=where,
                severity=Severity.WARNING,
                column=name,
            )
        elif text := _text(raw):
            fields[name] = text
    yield Object(where, class_name, number, fields, lists)


def _texts(link: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, raw in link.items() if (text := _text(raw))}


def _text(raw: Any) -> str:
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    return str(raw).strip() if isinstance(raw, str | int | float | BadValue) else ""


def _xml(file: OpenedFile, mapping: SourceMapping) -> Iterator[Object | ClassSeen | Problem]:
    root = file.xml
    if isinstance(root, Problem):
        yield root
        return
    if root.tag != XML_ROOT:
        yield problem(
            "unexpected_shape",
            f"iTop's XML export is a <{XML_ROOT}>, this is a <{root.tag}>",
            where=Where(file.name),
        )
        return
    yield ClassSeen(file_class(file.name, mapping))
    for position, element in enumerate(root):
        where = Where(file.name, None, f"/{XML_ROOT}/{position}")
        for found in element if element.tag == _ROW else (element,):
            if found.get("id", _NO_OBJECT) != _NO_OBJECT:
                yield _xml_object(where, found)


def _xml_object(where: Where, element: Element) -> Object:
    fields: dict[str, str] = {}
    lists: dict[str, list[dict[str, str]]] = {}
    for field in element:
        links = field.find(XML_ROOT)
        if links is not None:
            lists[field.tag] = [_xml_link(link) for link in links]
        elif text := (field.text or "").strip():
            fields[field.tag] = text
    class_name = fields.get("finalclass") or element.tag
    return Object(where, class_name, element.get("id", "").strip(), fields, lists)


def _xml_link(link: Element) -> dict[str, str]:
    return {each.tag: text for each in link if (text := (each.text or "").strip())}


def _table(table: Table, mapping: SourceMapping) -> Iterator[Object | ClassSeen | Problem]:
    yield from table.warnings
    codes = {header: attribute(header, mapping) for header in table.header if header}
    named = (
        mapping.option("class_of_file")
        or file_class(table.name, mapping)
        or file_class(table.file, mapping)
    )
    yield ClassSeen(named)
    for row in table.rows():
        if isinstance(row, Problem):
            yield row
            continue
        fields: dict[str, str] = {}
        for header, text in row.cells.items():
            fields.setdefault(codes[header], text)
        said = fields.get("finalclass", "")
        class_name = str(mapping.value("class_label", said)) if said else named
        yield Object(row.where, class_name, fields.get("id", ""), fields, {})


def attribute(header: str, mapping: SourceMapping) -> str:
    """The attribute code of a column: `System->Name` and `system_id->name` are one."""
    first, arrow, rest = (part.strip() for part in header.partition("->"))
    code = str(mapping.value("column", first)).replace(" ", "_")
    if not arrow:
        return code
    return f"{code}_friendlyname" if rest.casefold() in _NAMES else f"{code}->{rest.casefold()}"


_NAMES = ("name", "friendlyname", "friendly name", "full name")


def file_class(name: str, mapping: SourceMapping) -> str:
    """The class that a file is named after (`lnkServerToVolume.csv`, `itop-Server-2025.xml`)."""
    known = {each.casefold(): each for each in (*mapping.classes, *link_classes(mapping))}
    for word in re.split(r"[^A-Za-z]+", PurePath(name).name.partition(".")[0]):
        if word.casefold() in known:
            return known[word.casefold()]
        if word.startswith("lnk"):
            return word
    return ""


def link_classes(mapping: SourceMapping) -> dict[str, tuple[str, str]]:
    """The attributes that name the two ends of a link, by its class: the dependent's first."""
    found: dict[str, tuple[str, str]] = {}
    for line in option_list(mapping, "links"):
        class_name, _, ends = line.partition(":")
        first, arrow, second = ends.partition("->")
        if arrow:
            found[class_name.strip()] = (first.strip(), second.strip())
    return found


def option_list(mapping: SourceMapping, name: str) -> list[str]:
    """An option that is a list of texts."""
    said = mapping.options.get(name, [])
    return said if isinstance(said, list) else [str(said)]
