"""A relationship as a caller of the API writes it, checked like one from a file."""

from dataclasses import dataclass
from typing import Any

from cmdb import values
from cmdb.plain_text import RefusedValueError, text
from cmdb.values import MinUp
from cmdb.vocabulary import Vocabulary
from opsatlas.errors import ErrorItem, InvalidInputError


class InvalidRelationshipError(InvalidInputError):
    """A relationship cannot be so; `errors` has each reason."""

    code = "invalid_relationship"


@dataclass(frozen=True, slots=True)
class SaidRelationship:
    """The checked fields of a relationship; None where nothing was said."""

    at: str
    type: str | None
    dependency: str | None
    group: str | None
    min_up: MinUp | None


def refuse(errors: list[ErrorItem]) -> None:
    """Raise InvalidRelationshipError where there are errors."""
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidRelationshipError(errors[0].detail + more, hint=errors[0].hint, errors=errors)


def checked_relationship(
    given: dict[str, Any], at: str, types: Vocabulary, errors: list[ErrorItem]
) -> SaidRelationship:
    """The fields given; what is wrong goes to `errors`, `at` is the pointer of their object."""

    def value(name: str, check: Any) -> Any:
        try:
            return check(given.get(name))
        except RefusedValueError as error:
            item = ErrorItem(f"{at}/{name}", error.message, given.get(name), error.hint)
            errors.append(item)
            return None

    said = SaidRelationship(
        at,
        value("type", text),
        value("dependency", values.dependency),
        value("redundancy_group", text),
        value("min_up", values.min_up),
    )
    found = types.find(said.type) if said.type is not None else None
    if said.type is not None and found is None:
        message = f"there is no relationship type {said.type!r}"
        errors.append(ErrorItem(f"{at}/type", message, said.type, types.hint(said.type)))
    if said.min_up is not None and said.group is None:
        message = "min_up says how many of a redundancy group must be up, but there is no group"
        hint = "name it in `redundancy_group`"
        errors.append(ErrorItem(f"{at}/min_up", message, given.get("min_up"), hint))
    return SaidRelationship(at, found, said.dependency, said.group, said.min_up)
