"""YAML 1.2 as importers read it: a stream of events, so that a line is known for every object,
depth is bounded before it is built, and nothing is ever constructed that the file names.
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

from cmdb.importers.documents import Object
from cmdb.importers.encoding import decode
from cmdb.importers.records import BadValue, InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")  # 0123 stays text: it is an identifier, not a number
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,22}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 20
_MAX_ALIASED = 1_000_000
"""Values that all aliases of a file may stand for together."""


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, line: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.line, self.hint = code, message, line, hint


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is still being read."""

    value: Object | list[Any]
    anchor: str | None
    size: int = 1
    """Values in it with those of its parts, aliases counted as if written out."""
    name: Any = None
    """Of a mapping: the key whose value comes next, where `named`."""
    named: bool = False


def parse_yaml(
    file: InputFile,
    max_depth: int,
    *,
    text_up_to: int = 0,
    aliases: bool = False,
    unknown_tags: bool = False,
) -> list[Any]:
    """Every document of the file that is not empty; the last is a Problem where reading ended in
    one.

    Plain scalars down to the level `text_up_to` are taken as they are written. With `aliases` these
    are followed and `<<` is merged, within bounds; without it they are refused. With `unknown_tags`
    a scalar under a tag of another's (`!vault`) is a `BadValue` that holds the tag alone.
    """
    text = decode(file)
    if isinstance(text, Problem):
        return [text]
    found: list[Any] = []
    try:
        for document in _Builder(max_depth, text_up_to, aliases, unknown_tags).documents(text):
            if document is not None:
                found.append(document)
    except _RefusedError as error:
        found.append(
            problem(error.code, error.message, where=Where(file.name, error.line), hint=error.hint)
        )
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        found.append(_malformed(file, line, str(error.problem)))
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The scanner raises other errors than its own for some broken input.
        found.append(_malformed(file, None, str(error).partition("\n")[0]))
    if not found:
        found.append(problem("empty_file", "the file has no content", where=Where(file.name)))
    return found


def _malformed(file: InputFile, line: int | None, reason: str) -> Problem:
    return problem(
        "malformed_yaml",
        f"this is not YAML: {reason}",
        where=Where(file.name, line),
        hint="indent with spaces; quote values that hold `: ` or ` #` or start with a sign",
    )


class _Builder:
    """Makes plain values of the events, mappings as `Object` with their lines."""

    def __init__(self, max_depth: int, text_up_to: int, aliases: bool, unknown_tags: bool) -> None:
        self._max_depth, self._text_up_to, self._aliases = max_depth, text_up_to, aliases
        self._unknown_tags = unknown_tags
        self._stack: list[_Open] = []
        self._anchored: dict[str, tuple[Any, int]] = {}
        """The value of each anchor, and its size."""
        self._aliased = 0

    def documents(self, text: str) -> Iterator[Any]:
        root: Any = None
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, DocumentEndEvent):
                yield root
                root = None
                self._anchored.clear()
                continue
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._begin(event)
                continue
            size = 1
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                ended = self._stack.pop()
                value: Any = ended.value
                size = ended.size
                self._remember(ended.anchor, value, size)
            elif isinstance(event, ScalarEvent):
                value = self._scalar(event)
                self._remember(event.anchor, value, size)
            elif isinstance(event, AliasEvent):
                value, size = self._follow(event)
            else:
                continue
            if self._stack:
                self._stack[-1].size += size
                self._put(self._stack[-1], value, event)
            else:
                root = value

    def _begin(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if len(self._stack) >= self._max_depth:
            raise _RefusedError(
                "too_deep", f"nested deeper than {self._max_depth} levels", _line(event)
            )
        _refuse_tag(event)
        mapping = isinstance(event, MappingStartEvent)
        value: Object | list[Any] = Object(line=_line(event)) if mapping else []
        self._stack.append(_Open(value, event.anchor))

    def _scalar(self, event: ScalarEvent) -> Any:
        if self._unknown_tags and (tag := _unknown_tag(event)):
            return BadValue(tag, "a value under a tag that is not read")
        _refuse_tag(event)
        text: str = event.value
        plain = event.style is None
        if not plain or event.tag is not None:
            return text
        if _NULL.fullmatch(text):
            return None
        return text if len(self._stack) <= self._text_up_to else _resolved(text)

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None and self._aliases:
            self._anchored[anchor] = (value, size)

    def _follow(self, event: AliasEvent) -> tuple[Any, int]:
        if not self._aliases:
            raise _RefusedError(
                "alias_refused",
                f"the alias *{event.anchor} is not followed",
                _line(event),
                "write the value out: aliases can make a small file fill the memory",
            )
        if event.anchor not in self._anchored:
            raise _RefusedError(
                "malformed_yaml", f"the alias *{event.anchor} has no anchor before it", _line(event)
            )
        value, size = self._anchored[event.anchor]
        self._aliased += size
        if self._aliased > _MAX_ALIASED:
            raise _RefusedError(
                "alias_bomb",
                f"its aliases stand for more than {_MAX_ALIASED:,} values",
                _line(event),
                "write out what is meant",
            )
        return value, size

    def _put(self, parent: _Open, value: Any, event: Event) -> None:
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif not parent.named:
            if isinstance(value, dict | list):
                raise _RefusedError("malformed_yaml", "a name must be a single value", _line(event))
            parent.name = event.value if isinstance(event, ScalarEvent) else str(value)
            parent.named = True
        else:
            parent.named = False
            if self._aliases and parent.name == "<<":
                _merge(parent.value, value)
                return
            if parent.name in parent.value and parent.name not in parent.value.merged:
                parent.value.duplicates += (parent.name,)
            parent.value[parent.name] = value
            parent.value.merged.discard(parent.name)


def _merge(target: Object, value: Any) -> None:
    """Take over what `<<` names and the mapping does not say itself; the first one wins."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            for name, member in each.items():
                if name not in target:
                    target[name] = member
                    target.merged.add(name)


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
    if tag := _unknown_tag(event):
        raise _RefusedError(
            "tag_refused", f"the tag {tag} is not supported", _line(event), "leave the tag out"
        )


def _unknown_tag(event: Event) -> str | None:
    tag = getattr(event, "tag", None)
    said = None if tag is None else str(tag)
    return None if said in {None, "tag:yaml.org,2002:str", "!"} else said


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
