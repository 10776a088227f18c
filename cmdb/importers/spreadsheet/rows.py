"""Rows of a spreadsheet become CIs and what these depend on; doubtful cells are set aside."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cmdb import values
from cmdb.importers.mapped import MappedRecords
from cmdb.importers.mapping import Mapping
from cmdb.importers.records import ParsedRecord, Where
from cmdb.importers.spreadsheet.columns import Columns, separators
from cmdb.importers.tables import Row
from cmdb.plain_text import RefusedValueError, text
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d+)?e[+-]\d+", re.IGNORECASE)
_EXCEL_ERRORS = frozenset(
    ["#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#BEZUG!"]
)
_ADDRESSES = {"ip_address": values.ip_address, "fqdn": values.fqdn}

_DOUBTS = {
    "scientific_notation": (
        "Excel has shortened a number: the value became an attribute",
        "set the column's cells to text and export again",
    ),
    "formula_error": (
        "a formula has failed: the cell is left out",
        "repair the formula in the spreadsheet",
    ),
    "no_ip_address": (
        "this is no IP address: the value became an attribute",
        "change it in the spreadsheet, or under [values.ip_address] in the mapping",
    ),
    "no_fqdn": (
        "this is no host name: the value became an attribute",
        "change it in the spreadsheet, or under [values.fqdn] in the mapping",
    ),
}
_DOUBT_OF = {
    "ip_address": "no_ip_address",
    "fqdn": "no_fqdn",
    "serial_number": "scientific_notation",
}


class RowReader:
    """Reads the rows of one table; what it doubted and did not know is told at the end."""

    def __init__(self, file: str, columns: Columns, mapping: Mapping) -> None:
        self._file = file
        self._columns = columns
        self._default_class = mapping.option("ci_class")
        self._separator = re.compile("|".join(map(re.escape, separators(mapping))) or "\n")
        ours = self._default_class
        known = {ours: mapping.ci_class(ours) or ours} if ours else {}
        fields = mapping.model_copy(update={"fields": columns.fields})
        self._mapping = Mapping(classes=known).over(fields)
        self._records = MappedRecords(self._mapping)
        self._doubts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], tuple[Where, str]] = {}
        self.left_out: set[str] = set()
        """Keys and names of the rows that rules left out."""
        self.taken: set[str] = set()
        """Those of the other rows."""

    def read(self, row: Row) -> list[ParsedRecord]:
        """The CI of a row and its relationships; nothing where rules leave it out."""
        columns, where = self._columns, row.where
        said = {
            header: cell
            for header, cell in row.cells.items()
            if self._is_whole(where, header, cell)
        }
        needed = [(name, said.pop(header, "")) for name, header in columns.depends_on]
        key = self._key(where, said)
        source_class = said.get(columns.ci_class, "") if columns.ci_class else ""
        said.pop("ci_class", None)  # MappedRecords would take it for one of our classes
        record = self._records.ci(
            where, key or "", source_class or self._default_class, self._listed(said)
        )
        name = _stated(self._cell("name", said)[1])
        called = self.left_out if record is None else self.taken
        called |= {each for each in (key, name) if each}
        if record is None:
            return []
        if key is None:
            del record.fields["key"]
        self._set_aside(record, said)
        this = key or name
        if this is None:
            return [record]
        related = (
            self._records.relationship(where, relationship, this, provider)
            for relationship, cell in needed
            for provider in self._parts(cell)
        )
        return [record, *(each for each in related if each)]

    def warnings(self) -> Iterator[Problem]:
        """One for each column and kind of doubt, with its first place, then for unknown words."""
        for doubt, count in self._doubts.items():
            code, header = doubt
            message, hint = _DOUBTS[code]
            where, value = self._first[doubt]
            yield problem(
                code,
                f"{message} (in {count:,} rows)" if count > 1 else message,
                where=where,
                severity=Severity.WARNING,
                column=header,
                value=value,
                hint=hint,
            )
        yield from self._records.warnings(self._file)

    def _is_whole(self, where: Where, header: str, cell: str) -> bool:
        if cell in _EXCEL_ERRORS:
            self._doubt("formula_error", header, where, cell)
            return False
        return True

    def _key(self, where: Where, said: dict[str, str]) -> str | None:
        """The key; a number that Excel has shortened is none, as others have the same."""
        header = self._columns.key
        if header is None:
            return None
        if _SCIENTIFIC.fullmatch(said.get(header, "")):
            self._doubt("scientific_notation", header, where, said[header])
            return None
        return _stated(said.pop(header, None))

    def _set_aside(self, record: ParsedRecord, said: dict[str, str]) -> None:
        """Make attributes of cells that cannot be what their fields hold."""
        for field, doubt in _DOUBT_OF.items():
            header, cell = self._cell(field, said)
            if cell is None or field not in record.fields or self._fits(field, cell):
                continue
            parts = self._parts(cell)
            first = next((part for part in parts if self._fits(field, part)), None)
            if field in _ADDRESSES and first and len(parts) > 1:
                record.fields[field] = first
            else:
                del record.fields[field]
                self._doubt(doubt, header, record.where, cell)
            if self._mapping.keep_other_fields and not self._mapping.ignores_field(header):
                record.attributes[header] = cell

    def _cell(self, field: str, said: dict[str, str]) -> tuple[str, str | None]:
        """The column from which a field has its value, and the cell."""
        for header in self._headers(field):
            if header in said:
                return header, said[header]
        return "", None

    def _fits(self, field: str, cell: str) -> bool:
        if field not in _ADDRESSES:
            return not _SCIENTIFIC.fullmatch(cell)
        try:
            _ADDRESSES[field](self._mapping.value(field, cell))
        except RefusedValueError:
            return False
        return True

    def _listed(self, said: dict[str, str]) -> dict[str, Any]:
        """The cells, those of the attribute `mac_addresses` as lists."""
        headers = self._headers("mac_addresses")
        return {**said, **{each: self._parts(said[each]) for each in headers if each in said}}

    def _headers(self, field: str) -> list[str]:
        found = self._columns.fields.get(field, [])
        return [found] if isinstance(found, str) else found

    def _parts(self, cell: str) -> list[str]:
        """The values of a cell that holds several, each once; words for "nothing" are none."""
        return list(
            dict.fromkeys(
                stated for part in self._separator.split(cell) if (stated := _stated(part))
            )
        )

    def _doubt(self, code: str, header: str, where: Where, value: str) -> None:
        self._doubts[code, header] += 1
        self._first.setdefault((code, header), (where, value))


def _stated(said: str | None) -> str | None:
    """What a cell says; None where it says "nothing". What no text may hold is left to the check
    of the record."""
    try:
        return text(said, limit=values.MAX_KEY)
    except RefusedValueError:
        return said
