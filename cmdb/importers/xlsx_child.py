"""Reads a workbook in a process of its own, which a hostile file may end but not harm.

Run by `xlsx_file` as a script: the limits as JSON in the first argument, the workbook on standard
input, its rows as JSON lines on standard output, and at the end one JSON object on standard error
that says where each sheet's rows lie, or why there are none. Imports nothing of OpsAtlas, so that
it starts at once.
"""

import contextlib
import errno
import io
import json
import math
import os
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, NoReturn

_DIGITS = 15
"""Of a number, as many as Excel keeps."""
_FULL = (errno.EFBIG, errno.ENOSPC)
"""The output is larger than it may be, or than the disk."""


class _RefusedError(Exception):
    """The workbook cannot be read: a code of `xlsx_file`, the sheet, and what was found."""

    def __init__(self, code: str, sheet: str | None = None, found: object = "") -> None:
        super().__init__(code)
        self.report = {"failed": code, "sheet": sheet, "found": str(found)}


def main() -> NoReturn:
    """Read the workbook on standard input; the report on standard error says how it went."""
    limits = json.loads(sys.argv[1])
    _keep_to(limits)
    try:
        report: dict[str, Any] = {"sheets": _read(sys.stdin.buffer.read(), limits)}
    except _RefusedError as refused:
        report = refused.report
    except MemoryError:
        report = _RefusedError("too_much_memory").report
    except OSError as error:
        if error.errno in _FULL:
            report = _RefusedError("too_much_text").report
        else:
            report = _RefusedError("unreadable", found=error).report
    except Exception as error:
        report = _RefusedError("unreadable", found=f"{type(error).__name__}: {error}"[:300]).report
    sys.stderr.write(json.dumps(report))
    sys.stderr.flush()
    os._exit(0)  # what is still to be written to a file that is full would be an error again


def _keep_to(limits: dict[str, int]) -> None:
    """Let the system end this process where it takes more than it may."""
    for name, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["output"]),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(name, (most, most))
    with contextlib.suppress(ValueError, OSError):
        seconds = limits["seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _read(content: bytes, limits: dict[str, int]) -> list[dict[str, Any]]:
    """Write the rows of all sheets; where each sheet's begin and end in the output."""
    _check_archive(content, limits)
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl would load it for nothing
    from openpyxl import load_workbook  # noqa: PLC0415  # only now, so that it keeps to the limits

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    if not book.worksheets:
        raise _RefusedError("no_sheets")
    sheets: list[dict[str, Any]] = []
    written = cells = 0
    for sheet in book.worksheets:
        begin = written
        try:
            for line, row in _rows(sheet, limits):
                cells += 1 if isinstance(row, int) else len(row)
                if cells > limits["cells"]:
                    raise _RefusedError("too_many_cells", sheet.title)
                written += sys.stdout.write(json.dumps([line, row]) + "\n")
        except (_RefusedError, MemoryError, OSError):
            raise
        except Exception as error:
            found = f"{type(error).__name__}: {error}"[:300]
            raise _RefusedError("unreadable", sheet.title, found) from None
        sheets.append({"name": sheet.title, "begin": begin, "end": written})
    sys.stdout.flush()
    return sheets


def _check_archive(content: bytes, limits: dict[str, int]) -> None:
    """Refuse what is larger than allowed by the archive's directory.

    Reading cannot go beyond it: `zipfile` stops at the size that the directory says.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _RefusedError("broken_archive", found=error) from None
    names = {entry.filename.lower() for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        raise _RefusedError("encrypted")
    if "xl/workbook.bin" in names:
        raise _RefusedError("binary_workbook")
    if not any(name.endswith("workbook.xml") for name in names):
        raise _RefusedError("no_workbook")
    if len(entries) > limits["parts"]:
        raise _RefusedError("too_many_parts", found=f"{len(entries):,}")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits["unpacked"]:
        raise _RefusedError("too_large_unpacked", found=f"{unpacked:,}")


def _rows(sheet: Any, limits: dict[str, int]) -> Iterator[tuple[int, list[str] | int]]:
    """The sheet's rows that hold anything, with their numbers; blank cells at their ends go.

    Instead of a row with a cell that is too long, how long it is.
    """
    sheet.reset_dimensions()  # what the sheet says of its size need not be true
    for line, values in enumerate(sheet.iter_rows(min_row=1, min_col=1, values_only=True), 1):
        if line > limits["rows"]:
            raise _RefusedError("too_many_rows", sheet.title)
        if not any(value is not None for value in values):
            continue
        row = [_text(value) for value in values]
        while row and not row[-1].strip():
            row.pop()
        if row:
            longest = max(map(len, row))
            yield line, longest if longest > limits["cell"] else row


def _text(value: Any) -> str:
    """A value as text: whole numbers without a point, dates by ISO 8601, `true` and `false`."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("_x000D_", "") if "_x000D_" in value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isfinite(value) and value.is_integer():
            return str(int(value))
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, datetime):
        midnight = value.time() == time.min
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


if __name__ == "__main__":
    main()
