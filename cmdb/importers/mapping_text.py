"""A mapping as TOML that an admin can keep and change."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.mapping import RelationshipRule


def mapping_text(mapping: SourceMapping) -> str:
    """`mapping` as TOML; `read_mapping` makes the same of it."""
    return "\n".join(_lines(mapping)) + "\n"


def _lines(mapping: SourceMapping) -> Iterator[str]:
    if mapping.format is not None:
        yield f"format = {_value(mapping.format)}"
    if not mapping.keep_other_fields:
        yield "keep_other_fields = false"
    yield from _section("classes", mapping.classes)
    yield from _section("relationships", mapping.relationships)
    yield from _section("fields", mapping.fields)
    for name, values in mapping.values.items():
        yield from _section(f"values.{_value(name)}", values)
    ignore = mapping.ignore
    said: dict[str, Any] = {
        "classes": ignore.classes,
        "fields": ignore.fields,
        "records": [{"field": rule.field, "is": rule.is_} for rule in ignore.records],
    }
    yield from _section("ignore", {name: value for name, value in said.items() if value})
    yield from _section("options", mapping.options)


def _section(name: str, entries: Mapping[str, Any]) -> Iterator[str]:
    if entries:
        yield ""
        yield f"[{name}]"
        for key, value in entries.items():
            plain = key.replace("_", "").replace("-", "")
            shown = key if plain.isascii() and plain.isalnum() else _value(key)
            yield f"{shown} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, RelationshipRule):
        value = value.model_dump(exclude_unset=True, exclude_none=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON text is a TOML text but for one sign.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
