"""Archives among the files of a load: a ZIP with many files, a gzip with one; both within bounds.

Nothing is written anywhere: names of members are only shown.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cmdb.importers.file_names import may_be_inventory, told
from cmdb.importers.records import InputFile, Where
from cmdb.problems import printable, problem
from cmdb.schemas import Problem, Severity

MEBIBYTE = 1024 * 1024
_CHUNK = 64 * 1024
_RATIO_FROM = MEBIBYTE
"""Unpacked bytes below which no ratio is suspicious."""
_ZIP, _EMPTY_ZIP, _GZIP = b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08"
_ZIP_ENTRY = b"PK\x01\x02"
_LONGEST_LIST = 100_000
_TAR_AT, _TAR = 257, b"ustar"
_DOCUMENTS = ("[Content_Types].xml", "mimetype")
"""Members that make a ZIP a document of its own: a workbook, an OpenDocument file."""
_READ_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DRIVE = re.compile(r"^[A-Za-z]:")
_UNPACK_YOURSELF = "unpack it, and load the files in it"


@dataclass(frozen=True, slots=True)
class UnpackingLimits:
    """What the archives of one load may come to, together."""

    max_bytes: int = 1024 * MEBIBYTE
    max_files: int = 10_000
    max_ratio: int = 200


@dataclass(slots=True)
class Unpacked:
    """The files of a load without their archives, and what is to be said of those."""

    files: list[InputFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def unpack(files: Iterable[InputFile], limits: UnpackingLimits) -> Unpacked:
    """The files, each archive replaced by what is in it; an archive in an archive is refused.

    Must not raise: an archive that cannot be unpacked is a problem, and none of it is read.
    """
    result, budget = Unpacked(), _Budget(limits)
    for file in files:
        try:
            if file.content.startswith(_GZIP):
                result.files.append(_gunzipped(file, budget))
            elif is_archive(file):
                _unzip(file, budget, result)
            else:
                result.files.append(file)
        except _RefusedError as refused:
            where = Where(file.name)
            found = problem(refused.code, refused.message, where=where, hint=refused.hint)
            result.problems.append(found)
    return result


def is_archive(file: InputFile) -> bool:
    """Whether this is a ZIP of files, not one document such as a workbook."""
    if not file.content.startswith((_ZIP, _EMPTY_ZIP)):
        return False
    if file.name.lower().endswith((".xlsx", ".xlsm", ".ods")):
        return False  # what is wrong with it, its format says
    return not _is_document(file)


def _is_document(file: InputFile) -> bool:
    if not any(name.encode() in file.content for name in _DOCUMENTS):
        return False
    if file.content.count(_ZIP_ENTRY) > _LONGEST_LIST:
        return False  # the list of its members alone could fill the memory
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            return any(name in _DOCUMENTS for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


class _Budget:
    """Counts what is unpacked, over all archives of a load."""

    def __init__(self, limits: UnpackingLimits) -> None:
        self._limits = limits
        self._bytes = self._files = 0

    def count_files(self, more: int) -> None:
        self._files += more
        if self._files > self._limits.max_files:
            raise _RefusedError(
                "too_many_files",
                f"the archives hold more than {self._limits.max_files:,} files",
                "OPSATLAS_IMPORT_MAX_FILES is the limit",
            )

    def read(self, chunks: Iterable[bytes], packed: int, before: int = 0) -> bytes:
        """All of `chunks`, which are unpacked from an archive of `packed` bytes of which `before`
        bytes were unpacked already."""
        read = bytearray()
        for chunk in chunks:
            read += chunk
            self._bytes += len(chunk)
            if self._bytes > self._limits.max_bytes:
                raise _RefusedError(
                    "archive_too_large",
                    f"the archives unpack to more than {self._limits.max_bytes:,} bytes",
                    "OPSATLAS_IMPORT_MAX_UNPACKED_BYTES is the limit",
                )
            so_far = before + len(read)
            if so_far > _RATIO_FROM and so_far > self._limits.max_ratio * packed:
                raise _RefusedError(
                    "archive_bomb",
                    f"the archive unpacks to more than {self._limits.max_ratio} times its size",
                    f"{_UNPACK_YOURSELF}; OPSATLAS_IMPORT_MAX_COMPRESSION_RATIO is the limit",
                )
        return bytes(read)

    def check_entries(self, content: bytes) -> None:
        """Before the list of members is read: it alone could fill the memory."""
        if content.count(_ZIP_ENTRY) > max(_LONGEST_LIST, self._limits.max_files):
            self.count_files(self._limits.max_files + 1)


def _gunzipped(file: InputFile, budget: _Budget) -> InputFile:
    budget.count_files(1)
    name = file.name[:-3] if file.name.lower().endswith(".gz") else file.name
    content = budget.read(_gzip_chunks(file.content), len(file.content))
    if content.startswith((_GZIP, _ZIP)) and is_packed(InputFile(name, content)):
        raise _RefusedError("nested_archive", "there is an archive in it", _UNPACK_YOURSELF)
    if content[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise _RefusedError(
            "unsupported_archive", "it is a tar archive", "pack the files as a ZIP, or unpack it"
        )
    return InputFile(name, content)


def is_packed(file: InputFile) -> bool:
    """Whether this would have to be unpacked itself."""
    return file.content.startswith(_GZIP) or is_archive(file)


def _gzip_chunks(content: bytes) -> Iterable[bytes]:
    """The contents of all members of a gzip, one after the other, as gzip itself has them."""
    rest: bytes = content
    while rest.startswith(_GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            while not unpacker.eof:
                chunk = unpacker.decompress(rest, _CHUNK)
                rest = unpacker.unconsumed_tail
                if not chunk and not rest and not unpacker.eof:
                    raise _RefusedError(
                        "truncated_archive", "the archive ends too early", "was it copied in full?"
                    )
                yield chunk
        except zlib.error as error:
            raise _RefusedError("broken_archive", f"the archive is broken: {error}") from None
        rest = unpacker.unused_data
    if rest.strip(b"\x00"):
        raise _RefusedError("broken_archive", "there is something else behind the archive's end")


def _refuse_overlaps(members: list[zipfile.ZipInfo]) -> None:
    """Members that share bytes are how a small archive grows without end; some releases of Python
    refuse them too, but as damage."""
    spans = sorted((each.header_offset, each.compress_size) for each in members)
    for (start, size), (following, _) in pairwise(spans):
        if start + size > following:
            raise _RefusedError(
                "archive_bomb",
                "several files of the archive share the same bytes",
                _UNPACK_YOURSELF,
            )


def _unzip(file: InputFile, budget: _Budget, result: Unpacked) -> None:
    budget.check_entries(file.content)
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            budget.count_files(len(members))
            _refuse_overlaps(members)
            found, left_out = _read_members(archive, members, file, budget)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _RefusedError(
            "broken_archive",
            f"the archive cannot be read: {printable(str(error))}",
            "was it copied in full?",
        ) from None
    except (NotImplementedError, RuntimeError, ValueError, OSError) as error:
        reason = printable(str(error))
        raise _RefusedError("unsupported_archive", f"it cannot be unpacked: {reason}") from None
    if not found:
        why = "by their names none of its files is an inventory" if left_out else "it is empty"
        raise _RefusedError("empty_archive", f"there is nothing to load in the archive: {why}")
    result.files += found
    if left_out:
        result.problems.append(
            problem(
                "files_left_out",
                f"no inventory by the name, and left out: {told(left_out)}",
                where=Where(file.name),
                severity=Severity.WARNING,
            )
        )


def _read_members(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], file: InputFile, budget: _Budget
) -> tuple[list[InputFile], list[str]]:
    """What is in an archive, and the names of what is left out."""
    found: list[InputFile] = []
    left_out: list[str] = []
    taken: set[str] = set()
    size = 0
    for member in members:
        inner = _safe_path(member.filename)
        if not may_be_inventory(inner):
            left_out.append(inner)
            continue
        if member.flag_bits & 1:
            raise _RefusedError("encrypted_archive", f"{inner} is encrypted", _UNPACK_YOURSELF)
        if member.compress_type not in _READ_METHODS:
            raise _RefusedError(
                "unsupported_archive",
                f"{inner} is packed by a method that is not read",
                "pack the files as an ordinary ZIP (deflate)",
            )
        with archive.open(member) as opened:
            chunks = iter(lambda opened=opened: opened.read(_CHUNK), b"")  # type: ignore[misc]
            content = budget.read(chunks, len(file.content), size)
        size += len(content)
        each = InputFile(_told_apart(f"{file.name}/{inner}", taken), content)
        if is_packed(each):
            raise _RefusedError("nested_archive", f"{inner} is an archive too", _UNPACK_YOURSELF)
        found.append(each)
    return found, left_out


def _safe_path(name: str) -> str:
    """A member's path as it may be shown: relative, without steps upwards or odd signs."""
    parts = _DRIVE.sub("", name.replace("\\", "/")).split("/")
    kept = [part for part in parts if part not in ("", ".", "..")]
    return str(printable("/".join(kept) or "file"))


def _told_apart(name: str, taken: set[str]) -> str:
    """`name`, or with a number behind it where an archive has two of that name."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    taken.add(found)
    return found
