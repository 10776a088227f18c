"""From a file's bytes to text, or a problem that says how the file should have been saved."""

import codecs

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem


def encoding_of(content: bytes) -> str:
    """The name of the encoding that the byte order mark says; UTF-8 where there is none."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def decode(file: InputFile) -> str | Problem:
    """The file's text without its byte order mark."""
    if not file.content.strip():
        return problem("empty_file", "the file is empty", where=Where(file.name))
    if file.content.startswith((codecs.BOM_UTF32_LE, b"\x00\x00\xfe\xff")):
        return _unreadable(file, 1, "the file is UTF-32")
    encoding = encoding_of(file.content)
    try:
        text = file.content.decode(encoding)
    except UnicodeDecodeError as error:
        row = file.content[: error.start].count(b"\n") + 1
        if encoding == "utf-16":
            return _unreadable(file, row, "the file is not valid UTF-16")
        return _unreadable(
            file, row, f"the byte 0x{file.content[error.start]:02X} is not valid UTF-8 here"
        )
    if not text.strip():
        return problem("empty_file", "the file is empty", where=Where(file.name))
    return text


def decode_leniently(file: InputFile) -> tuple[str, str] | Problem:
    """The text and its encoding; what is neither UTF-8 nor UTF-16 is read as Windows-1252."""
    text = decode(file)
    if isinstance(text, str):
        return text, encoding_of(file.content)
    if text.code != "not_utf8" or b"\x00" in file.content:
        return text
    try:
        return file.content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return text


def _unreadable(file: InputFile, row: int, message: str) -> Problem:
    hint = 'save it as UTF-8; Windows-1252 (Excel\'s plain "CSV") becomes "CSV UTF-8" in Excel'
    return problem("not_utf8", message, where=Where(file.name, row), hint=hint)
