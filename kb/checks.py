"""What pydantic found wrong, as our errors: by JSON pointer for callers, by column for loads."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from cmdb.names import did_you_mean
from opsatlas.errors import ErrorItem, InvalidInputError

_REFERENCE = 2  # parts of the place of one CI reference: `cis` and its position
_PREFIXES = ("Value error, ", "Input ")


class InvalidRecordError(InvalidInputError):
    """Fields of a record that are missing, unknown, or hold what they cannot hold."""

    code = "invalid_record"


def invalid(error: ValidationError, model: type[BaseModel], at: str = "") -> InvalidRecordError:
    """The error for a caller; `at` is the JSON pointer of the record."""
    items = [
        ErrorItem(
            "/".join([at, *(_escaped(part) for part in found["loc"])]),
            message(found),
            found.get("input") if found["type"] != "missing" else None,
            hint(found, model),
        )
        for found in faults(error)
    ]
    return InvalidRecordError(
        f"{items[0].pointer or 'the record'}: {items[0].detail}", hint=items[0].hint, errors=items
    )


def faults(error: ValidationError) -> list[Any]:
    """pydantic's own error items, without the branches of a union that were not meant."""
    found: list[Any] = list(error.errors(include_url=False))
    places: dict[tuple[str | int, ...], Any] = {}
    for item in found:
        if item["type"] == "default_factory_not_called":
            continue  # it follows from another fault
        loc = item["loc"]
        if loc[:1] == ("cis",) and len(loc) > _REFERENCE:
            # A CI reference is a union, and the names of its branches say nothing to anyone.
            loc, item["type"] = loc[:_REFERENCE], "invalid_reference"
        if "column" in item.get("ctx", {}):
            loc = (item["ctx"]["column"],)
        places.setdefault(loc, {**item, "loc": loc})
    return list(places.values())


def message(fault: Any) -> str:
    """What is wrong, as a sentence that says it about the value."""
    if fault["type"] == "extra_forbidden":
        return f"there is no field {fault['loc'][-1]!r}"
    if fault["type"] == "missing":
        return "this is missing"
    if fault["type"] == "invalid_reference":
        return "this is no reference to a CI"
    if fault["type"] == "string_pattern_mismatch":
        return "this is no number of a record"
    text: str = fault["msg"]
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            text = (
                f"this {text.removeprefix(prefix)}" if prefix == "Input " else text[len(prefix) :]
            )
    return text


def hint(fault: Any, model: type[BaseModel]) -> str | None:
    """What would be right, where the fault itself does not say it."""
    if fault["type"] == "extra_forbidden":
        return did_you_mean(str(fault["loc"][-1]), field_names(model)) or (
            f"the fields are {', '.join(field_names(model))}"
        )
    if fault["type"] == "invalid_reference":
        return 'a name, {"id": …}, {"name": …, "ci_class": …} or {"source": …, "key": …}'
    if fault["type"] == "string_pattern_mismatch":
        return "such as INC-0042: letters, digits and . _ : - , at most 64"
    return None


def field_names(model: type[BaseModel]) -> Iterable[str]:
    """The names under which input may give the fields."""
    return list(model.model_fields)


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
