"""How a command fails: as a problem like the API's (RFC 9457), and with an exit code."""

from collections.abc import Mapping
from typing import Any

from opsatlas.errors import OpsAtlasError

DONE, PROBLEMS, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; 130 is 128 + SIGINT, what a shell expects after Ctrl-C."""


class UsageError(OpsAtlasError):
    """The command was called in a way that cannot work: arguments, files, settings."""

    code = "usage"


NOTHING_WRITTEN = "interrupted; nothing was written"


class InterruptedByUserError(OpsAtlasError):
    """Ctrl-C; the detail says what had been done by then."""

    code = "interrupted"


class ServerUnreachableError(OpsAtlasError):
    """Nobody answers at `OPSATLAS_URL`, or who does is not an OpsAtlas server."""

    code = "server_unreachable"


class ProblemError(Exception):
    """The API answered with a problem document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document.get("detail"))
        self.document = dict(document)


def problem_document(error: OpsAtlasError) -> dict[str, Any]:
    """A failure of the command itself, in the shape in which the API describes its own."""
    usage = isinstance(error, UsageError)
    return {
        "type": f"urn:opsatlas:problem:{error.code}",
        "title": "Usage" if usage else "Failed",
        "status": 400 if usage else 503,
        "detail": str(error),
        "instance": "opsatlas",
        "code": error.code,
        "request_id": None,
        "errors": [
            {"pointer": item.pointer, "detail": item.detail, "hint": item.hint}
            for item in error.errors
        ],
    }


def exit_code(error: OpsAtlasError | ProblemError) -> int:
    """2 where the call was wrong, the key among it; 130 after Ctrl-C; else 1."""
    if isinstance(error, InterruptedByUserError):
        return INTERRUPTED
    if isinstance(error, ProblemError):
        return USAGE if error.document.get("code") == "invalid_key" else PROBLEMS
    return USAGE if isinstance(error, UsageError) else PROBLEMS
