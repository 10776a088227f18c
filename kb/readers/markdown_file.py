"""An article: Markdown with a YAML 1.2 head between two lines of `---`."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cmdb.importers.encoding import decode
from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem
from kb.readers.raw import RawRecord, Section

_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_HINT = "begin with ---, then `id:`, `title:`, `kind:`, `cis:` and `tags:`, then --- again"
_NULLS = ("", "~", "null", "Null", "NULL")


def recognises(file: InputFile) -> bool:
    """Whether the file is called Markdown."""
    return PurePath(file.name).suffix.casefold() in (".md", ".markdown")


def read(file: InputFile) -> Iterator[RawRecord | Problem]:
    """The article. Without a title in its head, its first heading is the title."""
    text = decode(file)
    if isinstance(text, Problem):
        yield text
        return
    text = text.replace("\r\n", "\n")
    opening = _FENCE.match(text)
    closing = _FENCE.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        what = "the file has no YAML head" if opening is None else "the YAML head has no end"
        yield problem("missing_head", what, where=Where(file.name, 1), hint=_HINT)
        return
    head = _head(text[opening.end() : closing.start()], file.name)
    if isinstance(head, Problem):
        yield head
        return
    fields, lines = head
    body = text[closing.end() :].strip()
    heading = _HEADING.match(body)
    if heading and "title" not in fields:
        fields["title"] = heading[1]
    if heading and heading[1] == fields.get("title"):
        body = body[heading.end() :].lstrip()
    lines["body"] = text.count("\n", 0, closing.end()) + 2
    yield RawRecord(Where(file.name, 1), fields | {"body": body}, lines, Section.ARTICLES)


def _head(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]] | Problem:
    """The head's fields and their lines; the newline after the opening fence makes line 1 of it."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return _malformed(name, line, str(error.problem))
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The scanner raises other errors than its own for some broken input.
        return _malformed(name, 1, str(error).partition("\n")[0])
    if not isinstance(root, MappingNode):
        return problem("missing_head", "the head has no fields", where=Where(name, 1), hint=_HINT)
    fields: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in root.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            return _malformed(name, line, "the name of a field must be one word")
        if key.value in fields:
            return problem(
                "duplicate_field",
                f"{key.value!r} is there more than once",
                where=Where(name, line),
                column=key.value,
                hint="keep one of them",
            )
        fields[key.value], lines[key.value] = _value(value), line
    return fields, lines


def _value(node: Node) -> Any:
    """A field's value: text as it is written, null, a list of these, or what no field can be."""
    if isinstance(node, ScalarNode):
        return None if node.style is None and node.value in _NULLS else node.value
    if isinstance(node, SequenceNode):
        return [_item(item) for item in node.value]
    return {}


def _item(node: Node) -> Any:
    """An item of a list: text, or a CI reference of plain values."""
    if isinstance(node, MappingNode):
        return {
            key.value: value.value
            for key, value in node.value
            if isinstance(key, ScalarNode) and isinstance(value, ScalarNode)
        }
    return node.value if isinstance(node, ScalarNode) else []


def _malformed(name: str, line: int, reason: str) -> Problem:
    return problem(
        "malformed_yaml",
        f"the head is not YAML: {reason}",
        where=Where(name, line),
        hint="indent with spaces; quote values that hold `: ` or ` #` or start with a sign",
    )
