"""What `opsatlas load` is given: files, folders, patterns, standard input; and their names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from api.cli import terminal
from api.cli.client import Files
from api.cli.failures import UsageError
from api.cli.uploads import STANDARD_INPUT, content_of
from cmdb.importers.file_names import is_hidden, may_be_inventory, told

_PATTERN = frozenset("*?[")


def inventory_files(arguments: Sequence[str], data_dir: Path) -> Files:
    """The files that are meant, each once, in the order of the arguments, then of their names.

    Of folders what is hidden is passed over, and `data_dir`, which has secrets of ours. What is
    left out by its name is told on standard error. Raises UsageError for what cannot be read, and
    where a folder or a pattern has nothing to load.
    """
    found: dict[str, str] = {}
    left_out: list[str] = []
    for argument in arguments:
        for path, name in _meant_by(argument, data_dir, left_out):
            found.setdefault(path if path == STANDARD_INPUT else os.path.realpath(path), name)
    if left_out:
        terminal.note(f"left out, no inventory by the name: {told(left_out)}")
    named = _told_apart(found)
    return [("file", (named[path], content_of(path)[1])) for path in found]


def _meant_by(argument: str, data_dir: Path, left_out: list[str]) -> Iterator[tuple[str, str]]:
    """Paths, and what they are called where no other file is called so."""
    if argument == STANDARD_INPUT:
        yield argument, content_name(argument)
    elif Path(argument).is_dir():
        yield from _in_folder(Path(argument), data_dir, left_out)
    elif os.path.lexists(argument) or not _PATTERN & set(argument):
        yield argument, content_name(argument)
    else:
        yield from _of_pattern(argument, left_out)


def content_name(argument: str) -> str:
    """What a file that is named itself is called."""
    return "standard input" if argument == STANDARD_INPUT else Path(argument).name


def _in_folder(folder: Path, data_dir: Path, left_out: list[str]) -> Iterator[tuple[str, str]]:
    """Every file below a folder but the hidden ones and those that are none by their name."""
    name = folder.resolve().name

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error

    some = False
    for place, below, files in os.walk(folder, onerror=refuse):
        below[:] = sorted(
            each
            for each in below
            if not is_hidden(each) and Path(place, each).resolve() != data_dir.resolve()
        )
        for file in sorted(files):
            path = Path(place, file)
            if is_hidden(file) or not path.is_file():
                continue
            shown = str(Path(name, path.relative_to(folder)))
            if may_be_inventory(file):
                some = True
                yield str(path), shown
            else:
                left_out.append(shown)
    if not some:
        raise UsageError(f"there is no file to load in {folder}")


def _of_pattern(pattern: str, left_out: list[str]) -> Iterator[tuple[str, str]]:
    some = False
    for path in sorted(glob(pattern, recursive=True)):  # noqa: PTH207 - also of absolute patterns
        if not Path(path).is_file():
            continue
        if may_be_inventory(Path(path).name):
            some = True
            yield path, Path(path).name
        else:
            left_out.append(path)
    if not some:
        raise UsageError(
            f"no file fits {pattern}", hint="`**` stands for any folders: 'exports/**/*.csv'"
        )


def _told_apart(found: dict[str, str]) -> dict[str, str]:
    """The names; files that would be called the same are called by their paths, from the folder
    that they have in common."""
    called = Counter(found.values())
    same = [path for path, name in found.items() if called[name] > 1]
    if len(same) < 2:  # noqa: PLR2004 - nothing to tell apart
        return found
    common = os.path.commonpath([str(Path(path).parent) for path in same])
    return {
        path: os.path.relpath(path, common) if path in same else name
        for path, name in found.items()
    }
