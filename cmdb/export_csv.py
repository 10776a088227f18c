"""The whole inventory as native CSV: two tables that load again as they were.

The same inventory gives the same bytes, in whatever order it came to be.
"""

import csv
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO, StringIO
from typing import Any

from cmdb.importers.file_names import CIS_FILE, RELATIONSHIPS_FILE
from cmdb.importers.formula_cells import escaped
from cmdb.importers.native_layout import FURTHER, JSON_SUFFIX, attribute_of_json, canonical
from cmdb.importers.records import CI_FIELDS, RELATIONSHIP_FIELDS

_MOST_COLUMNS = 200
"""Attributes with a column of their own, the most used first: a table of thousands of columns is
no table any more, and a row would cost a delimiter for each."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first moment that a ZIP can name, so that none tells two exports apart."""

Record = Mapping[str, Any]


def inventory_files(inventory: Mapping[str, list[dict[str, Any]]]) -> dict[str, Iterator[str]]:
    """The lines of each file by its name; `inventory` is that of `export_inventory`."""
    return {
        CIS_FILE: _items(inventory["configuration_items"]),
        RELATIONSHIPS_FILE: _relationships(inventory["relationships"]),
    }


def zipped(files: Mapping[str, Iterable[str]]) -> bytes:
    """A ZIP archive of these files."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, lines in files.items():
            member = zipfile.ZipInfo(name, _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                file.writelines(line.encode() for line in lines)
    return packed.getvalue()


def _items(cis: list[dict[str, Any]]) -> Iterator[str]:
    columns, further = _columns(cis)
    header = [*CI_FIELDS, *(_header(name, text) for name, text in columns.items())]
    yield _line([*header, *([f"{FURTHER}{JSON_SUFFIX}"] if further else [])])
    for ci in sorted(cis, key=lambda ci: str(ci["key"])):
        attributes: dict[str, Any] = dict(ci.get("attributes", {}))
        cells = [_text(ci.get(name)) for name in CI_FIELDS]
        for name, text in columns.items():
            value = attributes.pop(name, None)
            cells.append(_text(value) if text or value is None else _json(value))
        if further:
            cells.append(_json(attributes) if attributes else "")
        yield _line(cells)


def _relationships(relationships: list[dict[str, Any]]) -> Iterator[str]:
    yield _line(RELATIONSHIP_FIELDS)
    rows = ([_text(each.get(name)) for name in RELATIONSHIP_FIELDS] for each in relationships)
    yield from map(_line, sorted(rows))


def _columns(cis: Iterable[Record]) -> tuple[dict[str, bool], bool]:
    """The attributes with a column of their own, by name whether it holds texts; and whether there
    are others."""
    used: Counter[str] = Counter()
    typed: set[str] = set()
    for ci in cis:
        for name, value in ci.get("attributes", {}).items():
            used[name] += 1
            if not (isinstance(value, str) and value.strip() and value == value.strip()):
                typed.add(name)
    taken = {*CI_FIELDS, FURTHER, ""}
    own: list[str] = []
    for name in sorted(used, key=lambda name: (-used[name], name)):
        (column,) = canonical([name])
        if len(own) < _MOST_COLUMNS and column not in taken and attribute_of_json(name) is None:
            taken.add(column)
            own.append(name)
    return {name: name not in typed for name in sorted(own)}, len(own) < len(used)


def _header(name: str, text: bool) -> str:
    return name if text else f"{name}{JSON_SUFFIX}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _json(value: Any) -> str:
    # Not as ASCII: escapes could make a cell longer than what is read of one.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _line(cells: Iterable[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([escaped(each) for each in cells])
    return text.getvalue()
