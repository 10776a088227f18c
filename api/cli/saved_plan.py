"""A plan in a file: what was to be loaded, and the fingerprint of what that would do."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.cli.client import Files
from api.cli.failures import UsageError

_FORMAT = "opsatlas-plan"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The files and options of a load that was tried, and its plan."""

    files: Files
    options: dict[str, Any]
    fingerprint: str


def save(path: str, files: Files, options: dict[str, Any], report: dict[str, Any]) -> None:
    """Write the plan of a dry run to a file. Raises UsageError where that cannot be."""
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "options": {name: value for name, value in options.items() if name != "dry_run"},
        "files": [
            {"field": field, "name": name, "content": _packed(content)}
            for field, (name, content) in files
        ],
        "report": report,
    }
    try:
        Path(path).write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def read(path: str) -> SavedPlan:
    """A plan that `save` wrote. Raises UsageError for anything else."""
    try:
        document = json.loads(Path(path).read_bytes())
        if document["format"] != _FORMAT or document["version"] != _VERSION:
            raise ValueError(path)
        files = [
            (each["field"], (each["name"], _unpacked(each["content"])))
            for each in document["files"]
        ]
        return SavedPlan(files, document["options"], document["report"]["plan"]["fingerprint"])
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, zlib.error, RecursionError):
        raise UsageError(
            f"{path} is no plan of this version",
            hint="make one with `opsatlas load FILE… --dry-run --save-plan PLAN`",
        ) from None


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode("ascii")


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text, validate=True))
