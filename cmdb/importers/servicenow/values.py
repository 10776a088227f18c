"""Values of ServiceNow that more than one field or record says, put together."""

import re
from collections.abc import Iterator, Sequence

from cmdb import values
from cmdb.importers.mapping import Mapping
from cmdb.importers.records import ParsedRecord
from cmdb.importers.servicenow.files import Record
from cmdb.plain_text import RefusedValueError

_BY_LIFE = ("active", "maintenance", "planned", "in_stock", "retired")
"""Statuses, the liveliest first."""


def lifecycle_status(record: Record, mapping: Mapping) -> str | None:
    """Our status: of what the status fields say, that which is furthest from operation.

    People set one of the two fields and leave the other at its default, which is "in operation".
    What is not understood is returned only where nothing else is.
    """
    found: list[str] = []
    unknown: list[str] = []
    fields = mapping.options.get("status_fields", [])
    for field in fields if isinstance(fields, list) else [str(fields)]:
        cell = record.cells.get(field)
        if not cell:
            continue
        words = [
            status
            for text in (cell.value, cell.display)
            if text and (status := _status(str(mapping.value(field, text))))
        ]
        found += words[:1]
        if not words:
            unknown.append(str(cell))
    if found:
        return max(found, key=_BY_LIFE.index)
    return unknown[0] if unknown else None


def _status(word: str) -> str | None:
    try:
        return values.status(word)
    except RefusedValueError:
        return None


def mac_addresses(record: ParsedRecord) -> None:
    """Make a list of what the field holds, however the addresses are separated."""
    said = record.attributes.get("mac_addresses")
    if isinstance(said, str):
        record.attributes["mac_addresses"] = [each for each in re.split(r"[,;\s]+", said) if each]


def combined(records: Sequence[ParsedRecord]) -> Iterator[ParsedRecord]:
    """One record of those that are about one CI; all of them where two contradict each other.

    The pipeline refuses contradictions and names both places. Attributes do not contradict: the
    first file that says one counts.
    """
    fields: dict[str, object] = {}
    attributes: dict[str, object] = {}
    for record in records:
        for name, value in record.fields.items():
            if _form(fields.setdefault(name, value)) != _form(value):
                yield from records
                return
        attributes = {**record.attributes, **attributes}
    if records:
        yield ParsedRecord(records[0].kind, records[0].where, fields, attributes)


def _form(value: object) -> str:
    return str(value).strip().casefold()
