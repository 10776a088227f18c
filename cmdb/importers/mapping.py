"""How a source's words become ours: data that an admin can change, not code.

A mapping is a TOML or YAML file. The shipped one of a format is in `mappings/`; an admin's file
need only hold what differs: its entries are looked at before the shipped ones.
"""

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cmdb.importers.records import InputFile
from cmdb.importers.yaml_text import parse_yaml
from cmdb.schemas import Problem
from opsatlas.errors import ErrorItem, InvalidInputError
from opsatlas.field_docs import field_docs

_MAX_DEPTH = 8

Option = bool | int | float | str | list[str]


class InvalidMappingError(InvalidInputError):
    """A mapping file says something that no mapping can say."""

    code = "invalid_mapping"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=field_docs)


class RelationshipRule(_Part):
    """What a relationship of the source becomes."""

    type: str
    """One of our relationship types; it says whether failure travels."""
    dependent: Literal["from", "to"] = "from"
    """Which side depends on the other: the one that states the relationship, or the one named."""
    dependency: Literal["required", "optional"] | None = None
    redundancy_group: str | None = None
    """Name of the dependent's group that its providers form."""
    min_up: int | str | None = None


class RecordRule(_Part):
    """Records that are left out: those whose `field` is one of `is`."""

    field: str
    is_: list[str] = Field(alias="is")
    """Values; `*` and `?` stand for any signs."""


class IgnoreRules(_Part):
    """What is left out."""

    classes: list[str] = []
    """Classes of the source; `*` and `?` stand for any signs."""
    fields: list[str] = []
    """Fields that never become attributes."""
    records: list[RecordRule] = []


class Mapping(_Part):
    """The whole mapping of one format or source."""

    format: str | None = None
    """The format that it is for; loading with this mapping then needs no other word."""
    classes: dict[str, str] = {}
    """Our CI class by the source's; `*` and `?` stand for any signs, the first that fits counts."""
    relationships: dict[str, RelationshipRule | Literal["ignore"]] = {}
    """By the source's name of the relationship; `ignore` leaves it out."""
    fields: dict[str, str | list[str]] = {}
    """By our field (or the name of an attribute): the source's field, or several of which the first
    that says something counts."""
    keep_other_fields: bool = True
    """Whether fields that are not named become attributes."""
    values: dict[str, dict[str, str]] = {}
    """By our field: our value by the source's; what is not there stays as it is."""
    ignore: IgnoreRules = IgnoreRules()
    options: dict[str, Option] = {}
    """Further choices of the format; its page in the documentation lists them."""

    def over(self, default: "Mapping") -> "Mapping":
        """This mapping with `default` behind it."""
        return Mapping(
            format=self.format or default.format,
            classes=_before(self.classes, default.classes),
            relationships=_before(self.relationships, default.relationships),
            fields=_before(self.fields, default.fields),
            keep_other_fields=self.keep_other_fields
            if "keep_other_fields" in self.model_fields_set
            else default.keep_other_fields,
            values={
                name: _before(self.values.get(name, {}), default.values.get(name, {}))
                for name in dict.fromkeys([*self.values, *default.values])
            },
            ignore=IgnoreRules(
                classes=self.ignore.classes + default.ignore.classes,
                fields=self.ignore.fields + default.ignore.fields,
                records=self.ignore.records + default.ignore.records,
            ),
            options={**default.options, **self.options},
        )

    def ci_class(self, said: str) -> str | None:
        """Our class for the source's; None where the mapping has none."""
        found: str | None = self._classes.find(said)
        return found

    def relationship(self, said: str) -> RelationshipRule | Literal["ignore"] | None:
        """The rule for a relationship; None where the mapping has none."""
        found: RelationshipRule | Literal["ignore"] | None = self._relationships.find(said)
        return found

    def ignores_class(self, said: str) -> bool:
        """Whether CIs of this class of the source are left out."""
        return bool(self._ignored_classes.find(said))

    def ignores_field(self, said: str) -> bool:
        """Whether this field never becomes an attribute."""
        return bool(self._ignored_fields.find(said))

    def value(self, field: str, said: Any) -> Any:
        """Our value of a field for the source's."""
        patterns = self._values.get(field)
        if patterns is None or not isinstance(said, str | int | float):
            return said
        found = patterns.find(str(said).strip())
        return said if found is None else found

    def option(self, name: str, default: str = "") -> str:
        """An option that is a text."""
        return str(self.options.get(name, default))

    def flag(self, name: str) -> bool:
        """An option that is yes or no; no where it is not set."""
        return str(self.options.get(name, False)).lower() in {"true", "yes", "1", "on"}

    def listed(self, name: str) -> list[str]:
        """An option that is a list of texts; a single text is a list of one."""
        said = self.options.get(name, [])
        return list(said) if isinstance(said, list) else [str(said)]

    @cached_property
    def _classes(self) -> "_Patterns":
        return _Patterns(self.classes)

    @cached_property
    def _relationships(self) -> "_Patterns":
        return _Patterns(self.relationships)

    @cached_property
    def _ignored_classes(self) -> "_Patterns":
        return _Patterns(dict.fromkeys(self.ignore.classes, True))

    @cached_property
    def _ignored_fields(self) -> "_Patterns":
        return _Patterns(dict.fromkeys(self.ignore.fields, True))

    @cached_property
    def _values(self) -> dict[str, "_Patterns"]:
        return {name: _Patterns(values) for name, values in self.values.items()}


class _Patterns:
    """A table by names and patterns: a name first, then the first pattern; case does not count."""

    def __init__(self, entries: dict[str, Any]) -> None:
        folded = [(_form(name), value) for name, value in entries.items()]
        self._names = dict(reversed(folded))
        self._patterns = [entry for entry in folded if any(sign in entry[0] for sign in "*?[")]
        self._found: dict[str, Any] = {}

    def find(self, said: str) -> Any:
        if said not in self._found:
            form = _form(said)
            found = self._names.get(form)
            if found is None:
                found = next(
                    (value for pattern, value in self._patterns if fnmatchcase(form, pattern)), None
                )
            self._found[said] = found
        return self._found[said]


def matches(said: str, patterns: Iterable[str]) -> bool:
    """Whether a value is one of `patterns`."""
    return any(fnmatchcase(_form(said), _form(pattern)) for pattern in patterns)


def read_mapping(file: InputFile) -> Mapping:
    """A mapping from a TOML or YAML file. Raises InvalidMappingError, which names the place."""
    if file.name.lower().endswith((".yaml", ".yml")):
        documents = parse_yaml(file, _MAX_DEPTH)
        raw: Any = documents[0]
        if isinstance(raw, Problem):
            raise InvalidMappingError(f"{file.name}: {raw.message}", hint=raw.hint)
    else:
        try:
            raw = tomllib.loads(file.content.decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidMappingError(
                f"{file.name} is not TOML: {error}", hint="YAML is read from a file named .yaml"
            ) from None
    try:
        return Mapping.model_validate(raw)
    except ValidationError as error:
        items = [_item(each) for each in error.errors()]
        listed = "; ".join(f"{item.pointer}: {item.detail}" for item in items[:5])
        raise InvalidMappingError(
            f"{file.name}: {listed}",
            hint="`opsatlas sources show FORMAT` prints a whole mapping",
            errors=items,
        ) from None


def _item(error: Any) -> ErrorItem:
    place = "/" + "/".join(str(part) for part in error["loc"])
    detail = error["msg"]
    if error["type"] == "extra_forbidden":
        detail = "there is no such setting in a mapping"
    return ErrorItem(place, detail)


def _before(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {**first, **{name: value for name, value in then.items() if name not in first}}


def _form(said: str) -> str:
    return " ".join(said.casefold().split())
