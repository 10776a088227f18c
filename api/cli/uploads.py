"""Sending files to be loaded, and waiting for a report where a server loads them in a job."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from api.cli import progress
from api.cli.client import API, Client, Files
from api.cli.failures import UsageError

_ENDED = ("done", "failed")
_LOOK_AGAIN = 0.5
"""Seconds between two looks at a load that the server does in the background."""
STANDARD_INPUT = "-"


def files_of(paths: Iterable[str]) -> Files:
    """The files' contents; `-` is standard input. Raises UsageError for what cannot be read."""
    return [("file", content_of(path)) for path in paths]


def files_in(folder: str, suffixes: frozenset[str]) -> list[str]:
    """The files of a folder that end in one of `suffixes`, in the order of their names.

    Raises UsageError where there is no such folder, or none of them in it.
    """
    place = Path(folder)
    if not place.is_dir():
        what = "is a file, not a folder" if place.exists() else "does not exist"
        raise UsageError(f"{folder} {what}", hint="name the folder that holds the articles")
    found = sorted(str(file) for file in place.iterdir() if file.suffix.lower() in suffixes)
    if not found:
        raise UsageError(f"there is no file to load in {folder}", hint=", ".join(sorted(suffixes)))
    return found


def load_files(client: Client, path: str, files: Files, options: Mapping[str, Any]) -> Any:
    """The report of loading `files` by POST to `path`, also where the server takes its time."""
    sizes = [len(content) for field, (_, content) in files if field == "file"]
    told = f"loading {len(sizes):,} file{'s' if len(sizes) > 1 else ''}, {sum(sizes) / 1e6:.1f} MB"
    with progress.phases(told, "rows") as tell:
        if client.local is not None:
            client.local.local_progress = tell
        response = client.send("POST", path, data=options, files=files)
        report = response.json()
        place = response.headers.get("Location", "").removeprefix(API)
        while place and report.get("state") not in _ENDED:
            time.sleep(_LOOK_AGAIN)
            report = client.get(place)
            if (far := report.get("progress")) is not None:
                tell(far["phase"], far["done"], far["total"])
    return report


def content_of(path: str) -> tuple[str, bytes]:
    """The name and the content of one file. Raises UsageError for what cannot be read."""
    if path == STANDARD_INPUT:
        return "standard input", sys.stdin.buffer.read()
    try:
        return Path(path).name, Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder", hint="name the files in it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
