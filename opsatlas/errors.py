"""The one error root. `api/problems.py` alone turns these into HTTP; the CLI prints them.

The classes between the root and a concrete error say what kind of trouble it is, and so which
HTTP status it becomes; `code` says exactly which, and is stable: clients may rely on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One place in the input that is wrong: a JSON pointer (RFC 6901), what, and the remedy.

    `candidates` are the records that the value could have meant.
    """

    pointer: str
    detail: str
    value: Any = None
    hint: str | None = None
    candidates: tuple[dict[str, Any], ...] = ()


class OpsAtlasError(Exception):
    """Root of every error that a caller can do something about."""

    code: ClassVar[str] = "error"

    def __init__(
        self, detail: str, *, hint: str | None = None, errors: Sequence[ErrorItem] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return f"{self.detail} ({self.hint})" if self.hint else self.detail


class InvalidInputError(OpsAtlasError):
    """The input is well-formed but says something that cannot be (HTTP 422)."""

    code = "invalid_input"


class MalformedInputError(OpsAtlasError):
    """The input cannot be read at all (HTTP 400)."""

    code = "malformed_input"


class NotFoundError(OpsAtlasError):
    """What was asked for does not exist (HTTP 404)."""

    code = "not_found"


class ConflictError(OpsAtlasError):
    """The state of the data forbids it now (HTTP 409)."""

    code = "conflict"


class PreconditionFailedError(OpsAtlasError):
    """The record changed since the caller read it (HTTP 412)."""

    code = "precondition_failed"


class TooLargeError(OpsAtlasError):
    """The input is above a limit that is a setting (HTTP 413)."""

    code = "too_large"


class UnauthenticatedError(OpsAtlasError):
    """No key, or none that is valid (HTTP 401)."""

    code = "unauthenticated"


class ForbiddenError(OpsAtlasError):
    """The key is valid, its role is not enough (HTTP 403)."""

    code = "forbidden"


class UnavailableError(OpsAtlasError):
    """It would work later: a busy database, a model that is not there yet (HTTP 503)."""

    code = "unavailable"
