"""The native YAML: the shape of the native JSON, YAML 1.2, one or several documents.

The file is read as a stream of events, so that a line is known for every record, depth is bounded
before it is built, and nothing is ever constructed that the file names.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cmdb.importers.documents import Object, records
from cmdb.importers.encoding import decode
from cmdb.importers.records import (
    BadValue,
    InputFile,
    KindSeen,
    ParsedRecord,
    ReadLimits,
    Where,
)
from cmdb.problems import problem
from cmdb.schemas import Problem

NAME = "native_yaml"

_FIELD_LEVEL = 3
"""Document, list, record: a plain scalar up to here is a field and is taken as it is written, so
that a serial number keeps its leading zeros and a name `1.10` its last one."""
_SECTION = re.compile(rb"^(?:--- *)?(?:configuration_items|relationships) *:", re.MULTILINE)
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")  # 0123 stays text: it is an identifier, not a number
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,22}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 20


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, line: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.line, self.hint = code, message, line, hint


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is still being read."""

    value: Object | list[Any]
    name: Any = None
    """Of a mapping: the key whose value comes next, where `named`."""
    named: bool = False


def recognises(file: InputFile) -> int:
    """How sure it is that this is a native YAML, 0 to 3."""
    named = file.name.lower().endswith((".yaml", ".yml"))
    if named and file.content.lstrip()[:1] == b"{":
        return 3
    return (2 if _SECTION.search(file.content) else 0) + (1 if named else 0)


def read(file: InputFile, limits: ReadLimits) -> Iterator[ParsedRecord | KindSeen | Problem]:
    """Records in the order of the file, with lines and JSON pointers as their places."""
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    found = False
    try:
        for document in _documents(text, limits.max_depth):
            if document is not None:
                found = True
                yield from records(document, file.name, limits.max_depth)
    except _RefusedError as error:
        yield problem(
            error.code, error.message, where=Where(file.name, error.line), hint=error.hint
        )
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        yield _malformed(file, line, str(error.problem))
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The scanner raises other errors than its own for some broken input.
        yield _malformed(file, None, str(error).partition("\n")[0])
    else:
        if not found:
            yield problem("empty_file", "the file has no content", where=Where(file.name))


def _malformed(file: InputFile, line: int | None, reason: str) -> Problem:
    return problem(
        "malformed_yaml",
        f"this is not YAML: {reason}",
        where=Where(file.name, line),
        hint="indent with spaces; quote values that hold `: ` or ` #` or start with a sign",
    )


def _documents(text: str, max_depth: int) -> Iterator[Any]:
    """Each document of the stream as plain values, its mappings as `Object` with their lines."""
    stack: list[_Open] = []
    root: Any = None
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, DocumentEndEvent):
            yield root
            root = None
            continue
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            value: Any = stack.pop().value
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            if len(stack) >= max_depth:
                raise _RefusedError(
                    "too_deep", f"nested deeper than {max_depth} levels", _line(event)
                )
            _refuse_tag(event)
            starts_mapping = isinstance(event, MappingStartEvent)
            stack.append(_Open(Object(line=_line(event)) if starts_mapping else []))
            continue
        elif isinstance(event, ScalarEvent):
            value = _scalar(event, len(stack))
        elif isinstance(event, AliasEvent):
            raise _RefusedError(
                "alias_refused",
                f"the alias *{event.anchor} is not followed",
                _line(event),
                "write the value out: aliases can make a small file fill the memory",
            )
        else:
            continue
        if stack:
            _put(stack[-1], value, event)
        else:
            root = value


def _put(parent: _Open, value: Any, event: Event) -> None:
    if isinstance(parent.value, list):
        parent.value.append(value)
    elif not parent.named:
        if isinstance(value, dict | list):
            raise _RefusedError("malformed_yaml", "a name must be a single value", _line(event))
        parent.name = event.value if isinstance(event, ScalarEvent) else str(value)
        parent.named = True
    else:
        if parent.name in parent.value:
            parent.value.duplicates += (parent.name,)
        parent.value[parent.name] = value
        parent.named = False


def _scalar(event: ScalarEvent, level: int) -> Any:
    _refuse_tag(event)
    text: str = event.value
    plain = event.style is None
    if not plain or event.tag is not None:
        return text
    if _NULL.fullmatch(text):
        return None
    return text if level <= _FIELD_LEVEL else _resolved(text)


def _resolved(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2."""
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text) or _OCTAL_OR_HEX.fullmatch(text):
        number = int(text, 0) if len(text.lstrip("+-")) <= _MAX_DIGITS + 4 else 2**64
        return number if -(2**63) <= number < 2**63 else BadValue(text, "not an integer of 64 bits")
    if _FLOAT.fullmatch(text):
        real = float(text)
        return real if math.isfinite(real) else BadValue(text, "too large for a number")
    return BadValue(text, "not a number that JSON knows") if _NOT_FINITE.fullmatch(text) else text


def _refuse_tag(event: Event) -> None:
    """Only `!!str` may be said; anything else asks for an object to be constructed."""
    tag = getattr(event, "tag", None)
    if tag is not None and str(tag) not in {"tag:yaml.org,2002:str", "!"}:
        raise _RefusedError(
            "tag_refused", f"the tag {tag} is not supported", _line(event), "leave the tag out"
        )


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
