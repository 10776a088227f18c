"""XLSX workbooks, read in a process of their own: a hostile one can end readers, native ones most.

A workbook of a few kilobytes may unpack to gigabytes or claim a cell in the last row and column.
The process that reads it (`xlsx_child`) is bounded in memory, time and output; whatever becomes of
it, the caller gets rows or a Problem.
"""

import json
import mmap
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem

_CHILD = Path(__file__).with_name("xlsx_child.py")
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old Office files (.xls) and encrypted new ones begin."""

Rows = Iterator[tuple[int, list[str] | Problem]]


@dataclass(frozen=True, slots=True)
class XlsxLimits:
    """What a workbook may take; far more than an inventory needs, far less than a machine has."""

    seconds: int = 120
    """Of processor time; a million cells take about six. Twice that by the clock."""
    memory: int = 1024**3
    """Bytes of address space."""
    unpacked: int = 1024**3
    """Bytes of the workbook's parts, unpacked."""
    parts: int = 10_000
    rows: int = 1_048_576
    """Of a sheet; more are not possible in Excel."""
    cells: int = 20_000_000
    """In all sheets, from the first column to the last that holds anything."""
    cell: int = 131_072
    """Characters; as in CSV. Excel has 32,767."""
    output: int = 512 * 1024**2
    """Bytes of the rows that were read; they wait in a temporary file."""


LIMITS = XlsxLimits()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, hidden or not; its rows are read from the temporary file when they are asked for."""

    place: str
    """The file's name, with the sheet's where there are several."""
    name: str
    content: mmap.mmap | bytes
    begin: int
    end: int

    def rows(self) -> Rows:
        """The rows that hold anything, by their number in the sheet; trailing blanks are cut off.

        A Problem stands for a row that cannot be read.
        """
        at = self.begin
        while at < self.end:
            stop = self.content.find(b"\n", at)
            line, row = json.loads(self.content[at:stop])
            yield line, row if isinstance(row, list) else self._too_long(line, row)
            at = stop + 1

    def _too_long(self, line: int, length: int) -> Problem:
        return problem(
            "too_long_cell",
            f"a cell of the sheet {self.name!r} holds {length:,} characters: its row is not read",
            where=Where(self.place, line),
            hint="shorten it, or leave its column out",
        )


def is_workbook(content: bytes) -> bool:
    """Whether this is a workbook that `read_xlsx` reads or knows why not: XLSX, XLS and the like.

    Any other zip archive is one, too: there the Problem says that no workbook is in it.
    """
    return content.startswith((_ZIP, _OLE))


def read_xlsx(file: InputFile, limits: XlsxLimits = LIMITS) -> list[Sheet] | Problem:
    """The sheets of a workbook, or why it could not be read to its end: it is all or nothing."""
    if file.content.startswith(_OLE):
        encrypted = "EncryptedPackage".encode("utf-16-le") in file.content
        return _refused(file.name, "encrypted" if encrypted else "old_workbook")
    with tempfile.TemporaryFile() as output:
        report = _run(file.content, output, limits)
        if "sheets" not in report:
            return _refused(file.name, report["failed"], report.get("sheet"), report.get("found"))
        size = output.seek(0, 2)
        rows = mmap.mmap(output.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    several = len(report["sheets"]) > 1
    return [
        Sheet(
            f"{file.name} [{each['name']}]" if several else file.name,
            each["name"],
            rows,
            each["begin"],
            each["end"],
        )
        for each in report["sheets"]
    ]


def _run(content: bytes, output: IO[bytes], limits: XlsxLimits) -> dict[str, Any]:
    """What the child process reports; where it could not, what ended it."""
    command = [sys.executable, "-P", "-W", "ignore", str(_CHILD), json.dumps(asdict(limits))]
    try:
        done = subprocess.run(  # noqa: S603  # nothing of it comes from outside
            command,
            input=content,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=2 * limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": "too_slow"}
    try:
        report = json.loads(done.stderr)
    except ValueError:
        report = None
    if isinstance(report, dict):
        return report
    if done.returncode == -signal.SIGXCPU:
        return {"failed": "too_slow"}
    last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if last.startswith("MemoryError") or done.returncode == -signal.SIGKILL:
        return {"failed": "too_much_memory"}
    return {
        "failed": "unreadable",
        "found": f"the reader ended with {done.returncode} {last[:200]}",
    }


_AS_CSV = "save each sheet as CSV (UTF-8) and load those"
_SPLIT = "split it into several workbooks, or save each sheet as CSV (UTF-8) and load those"
_AGAIN = "open it in Excel or LibreOffice and save it as .xlsx again, or as CSV (UTF-8)"
_REFUSALS = {
    "encrypted": ("the workbook is encrypted", "save it without a password"),
    "old_workbook": (
        "this is a workbook of the old binary kind (.xls), whatever its name is",
        "save it as .xlsx or as CSV (UTF-8)",
    ),
    "binary_workbook": (
        "this is a binary workbook (.xlsb)",
        "save it as .xlsx or as CSV (UTF-8)",
    ),
    "no_workbook": (
        "this is a zip archive without an Excel workbook in it",
        "unpack it and load what is in it; an OpenDocument sheet is saved as .xlsx or CSV first",
    ),
    "no_sheets": (
        "the workbook has no sheets that could be read",
        'save it as "Excel Workbook (.xlsx)", not as "Strict Open XML"',
    ),
    "broken_archive": ("the workbook is cut off or damaged", "export or copy it again"),
    "unreadable": ("the workbook cannot be read", _AGAIN),
    "too_slow": ("reading the workbook takes too long", _SPLIT),
    "too_much_memory": ("reading the workbook takes too much memory", _SPLIT),
    "too_much_text": ("the workbook holds too much text", _SPLIT),
    "too_many_cells": ("the workbook has too many cells", _SPLIT),
    "too_many_rows": ("a sheet has more rows than Excel knows", _AS_CSV),
    "too_many_parts": ("the workbook consists of too many parts", _AGAIN),
    "too_large_unpacked": ("the workbook is too large unpacked, in bytes", _SPLIT),
}
"""What is wrong, and the remedy, by what the child reports."""


def _refused(file: str, code: str, sheet: str | None = None, found: str | None = None) -> Problem:
    message, hint = _REFUSALS[code]
    if sheet:
        message += f", in the sheet {sheet!r}"
    if found:
        message += f": {found}"
    return problem(f"xlsx_{code}", message, where=Where(file), hint=hint)
