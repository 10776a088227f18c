"""JSON lines, a JSON list, or a JSON object that holds lists by name or is one record."""

import json
from collections.abc import Iterator
from typing import Any

from cmdb.importers.documents import Object, without_duplicates
from cmdb.importers.encoding import decode
from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem
from kb.readers.raw import RawRecord, Section

_LINES = (".jsonl", ".ndjson")


def recognises(file: InputFile) -> bool:
    """Whether the file begins like JSON."""
    start = file.content[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    return start.lstrip(b"\xff\xfe \t\r\n").startswith((b"{", b"["))


def read(file: InputFile) -> Iterator[RawRecord | Problem]:
    """Records in the order of the file, with lines (JSON lines) or JSON pointers as their places.

    No field of a record is a number: what is written as one is taken as the text that it is.
    """
    text = decode(file)
    if isinstance(text, Problem):
        yield text
    elif file.name.casefold().endswith(_LINES) or _is_lines(text):
        for row, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield from _line(line, Where(file.name, row))
    else:
        where = Where(file.name)
        document = _parsed(text, where)
        if isinstance(document, Problem):
            yield document
        else:
            yield from _records(document, where)


def _is_lines(text: str) -> bool:
    """Whether several objects follow one another, a line each."""
    first, _, rest = text.strip().partition("\n")
    if not rest.lstrip().startswith("{"):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _line(line: str, where: Where) -> Iterator[RawRecord | Problem]:
    document = _parsed(line, where)
    if isinstance(document, Problem):
        yield document
    else:
        yield from _record(document, where, None)


def _records(document: Any, where: Where) -> Iterator[RawRecord | Problem]:
    if isinstance(document, list):
        for at, entry in enumerate(document):
            yield from _record(entry, where._replace(pointer=f"/{at}"), None)
        return
    sections = set(document) & set(Section) if isinstance(document, dict) else set()
    if not any(
        isinstance(document[name], list) and _holds_objects(document[name]) for name in sections
    ):
        yield from _record(document, where._replace(pointer=""), None)
        return
    for name, entries in document.items():
        if name not in sections or not isinstance(entries, list):
            yield problem(
                "unknown_field",
                f"{name!r} is no list of records",
                where=where._replace(pointer=""),
                column=name,
                hint=f"the lists are {', '.join(Section)}",
            )
            continue
        for at, entry in enumerate(entries):
            yield from _record(entry, where._replace(pointer=f"/{name}/{at}"), Section(name))


def _holds_objects(entries: list[Any]) -> bool:
    """Whether a list has records in it: `incidents` of one change is a list of numbers."""
    return all(isinstance(entry, dict) for entry in entries)


def _record(entry: Any, where: Where, section: Section | None) -> Iterator[RawRecord | Problem]:
    if not isinstance(entry, dict):
        yield problem("unexpected_shape", "a record must be an object", where=where, value=entry)
        return
    twice = entry.duplicates if isinstance(entry, Object) else ()
    for name in twice:
        yield problem(
            "duplicate_field",
            f"{name!r} is there more than once in one object",
            where=where,
            column=name,
            hint="keep one of them",
        )
    if not twice:
        yield RawRecord(where, dict(entry), section=section)


def _parsed(text: str, where: Where) -> Any:
    """The decoded document, or the problem that it is none."""
    try:
        return json.loads(
            text,
            object_pairs_hook=without_duplicates,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        row = (where.row or 1) + error.lineno - 1
        return problem(
            "malformed_json",
            f"this is not JSON: {error.msg} at character {error.colno}",
            where=Where(where.file, row),
            hint="JSON has no comments and no last comma; in JSON lines each line is one object",
        )
    except ValueError as error:
        return problem("malformed_json", f"this is not JSON: {error}", where=where)
    except RecursionError:
        return problem("too_deep", "objects and lists are nested too deeply", where=where)


def _refuse_constant(written: str) -> Any:
    raise ValueError(f"{written} is not a value that JSON knows")
