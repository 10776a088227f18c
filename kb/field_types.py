"""Types of the fields of records: bounded, storable on every database, forgiving where it is safe.

Enumerations are read in any case and with spaces or hyphens ("In Progress" is `in_progress`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from cmdb.names import did_you_mean
from cmdb.references import CIReference
from opsatlas.clock import parse_rfc3339

_NUMBER = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
_YEARS = range(1970, 2200)
"""A time outside of these is a slip of the pen, and some of them fit no database."""


class IncidentStatus(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Level(StrEnum):
    """How large an effect is, or how soon it hurts."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class ResolutionCode(StrEnum):
    """How an incident ended."""

    FIXED = "fixed"
    WORKAROUND = "workaround"
    NO_FAULT_FOUND = "no_fault_found"
    DUPLICATE = "duplicate"
    USER_ERROR = "user_error"
    VENDOR = "vendor"
    NOT_SOLVED = "not_solved"
    SELF_RECOVERED = "self_recovered"


class KnownErrorStatus(StrEnum):
    """Whether the cause of a known error is still there."""

    OPEN = "open"
    FIX_PLANNED = "fix_planned"
    RESOLVED = "resolved"


class ArticleKind(StrEnum):
    RUNBOOK = "runbook"
    HOW_TO = "how_to"
    POST_MORTEM = "post_mortem"


class ChangeType(StrEnum):
    STANDARD = "standard"
    NORMAL = "normal"
    EMERGENCY = "emergency"


class ChangeStatus(StrEnum):
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"
    FAILED = "failed"
    REVERTED = "reverted"
    CANCELLED = "cancelled"


def choice(options: type[StrEnum]) -> BeforeValidator:
    """Reads a member of `options` from the way people write it; the error names them all."""
    values = [option.value for option in options]

    def read(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, StrEnum):
            return value
        word = "_".join(value.casefold().replace("-", " ").replace("_", " ").split())
        if word in values:
            return word
        near = did_you_mean(word, values)
        raise PydanticCustomError(
            "unknown_value",
            "{given} is not one of {expected}{hint}",
            {
                "given": repr(value[:80]),
                "expected": ", ".join(values),
                "hint": f"; {near}" if near else "",
            },
        )

    return BeforeValidator(read)


blank_is_null = BeforeValidator(
    lambda value: None if isinstance(value, str) and not value.strip() else value
)
"""For fields that may be empty: exports write that as an empty text as often as as null."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "a text cannot hold a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("lone_surrogate", "a text cannot hold half a surrogate pair")
    return text


def _storable_reference(reference: CIReference) -> CIReference:
    values = reference.model_dump() if isinstance(reference, BaseModel) else {"name": reference}
    for value in values.values():
        if isinstance(value, str):
            _storable(value)
            if not value.strip():
                raise PydanticCustomError("empty_name", "a CI reference cannot be blank")
    return reference.strip() if isinstance(reference, str) else reference


def _null_as(empty: Callable[[], Any]) -> BeforeValidator:
    return BeforeValidator(lambda value: empty() if value is None else value)


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = parse_rfc3339(value)
        except (ValueError, OverflowError):
            value = None
    if not isinstance(value, datetime):
        raise PydanticCustomError("not_a_time", "this is no time such as 2026-03-04T10:00:00Z")
    if value.year not in _YEARS:
        raise PydanticCustomError("not_a_time", "a time must be in the years 1970 to 2199")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Storable = Annotated[str, AfterValidator(_storable)]
"""A text that every database takes."""
Number = Annotated[str, Field(pattern=_NUMBER, max_length=64)]
"""What people call a record: `INC-0042`; letters, digits, `.`, `_`, `:` and `-`."""
Line = Annotated[
    str, Field(min_length=1, max_length=500), AfterValidator(str.strip), AfterValidator(_storable)
]
"""One line that says something, at most 500 characters."""
Prose = Annotated[str, _null_as(str), Field(max_length=1_000_000), AfterValidator(_storable)]
"""Any text up to a million characters; null is the empty text."""
Label = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(str.strip), AfterValidator(_storable)
]
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""RFC 3339; a time without a zone is UTC."""
CIReferences = Annotated[
    list[Annotated[CIReference, AfterValidator(_storable_reference)]],
    _null_as(list),
    Field(max_length=1000),
]
Numbers = Annotated[list[Number], _null_as(list), Field(max_length=1000)]
Labels = Annotated[list[Label], _null_as(list), Field(max_length=200)]
