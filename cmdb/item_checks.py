"""A CI as a caller of the API writes it, checked like one from a file; errors name pointers."""

from collections.abc import Mapping
from typing import Any

from cmdb.attributes import checked_attributes
from cmdb.incoming import STORED
from cmdb.plain_text import RefusedValueError
from cmdb.values import CI_VALUES
from cmdb.vocabulary import Vocabulary
from opsatlas.errors import ErrorItem, InvalidInputError

REQUIRED = frozenset({"name", "ci_class", "status"})


class InvalidCIError(InvalidInputError):
    """A configuration item has values that cannot be; `errors` has each of them."""

    code = "invalid_ci"


def refuse(errors: list[ErrorItem]) -> None:
    """Raise InvalidCIError where there are errors."""
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidCIError(errors[0].detail + more, hint=errors[0].hint, errors=errors)


def checked_fields(
    given: Mapping[str, Any], at: str, classes: Vocabulary
) -> tuple[dict[str, Any], list[ErrorItem]]:
    """The stored form of the fields given, and what is wrong; `at` is the pointer of their object.

    A blank field becomes None. Of `attributes` those that are null stay in, to be taken away.
    """
    fields: dict[str, Any] = {}
    errors: list[ErrorItem] = []
    for name in STORED:
        if name not in given:
            continue
        try:
            fields[name] = CI_VALUES[name](given[name])
        except RefusedValueError as error:
            errors.append(_item(at, name, given[name], error))
            continue
        if fields[name] is None and name in REQUIRED:
            errors.append(ErrorItem(f"{at}/{name}", f"{name!r} is required", given[name]))
        elif name == "ci_class" and (found := classes.find(fields[name])) is None:
            said = fields[name]
            message, hint = f"there is no CI class {said!r}", classes.hint(said)
            errors.append(ErrorItem(f"{at}/ci_class", message, said, hint))
        elif name == "ci_class":
            fields[name] = found
    if given.get("attributes"):
        try:
            fields["attributes"] = checked_attributes(given["attributes"])
        except RefusedValueError as error:
            errors.append(_item(at, "attributes", None, error))
    return fields, errors


def _item(at: str, name: str, value: Any, error: RefusedValueError) -> ErrorItem:
    return ErrorItem(f"{at}/{name}", error.message, value, error.hint)
