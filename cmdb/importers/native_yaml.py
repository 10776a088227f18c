"""The native YAML: the shape of the native JSON, YAML 1.2, one or several documents."""

import re
from collections.abc import Iterator, Sequence

from cmdb.importers.documents import records
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.yaml_text import parse_yaml
from cmdb.schemas import Problem

NAME = "native_yaml"

_FIELD_LEVEL = 3
"""Document, list, record: a plain scalar up to here is a field and is taken as it is written, so
that a serial number keeps its leading zeros and a name `1.10` its last one."""
_SECTION = re.compile(rb"^(?:--- *)?(?:configuration_items|relationships) *:", re.MULTILINE)


def recognises(file: OpenedFile) -> Recognition | None:
    """By a section at the start of a line; `.yaml` with braces is YAML, too."""
    named = Recognition.by_name(file, ".yaml", ".yml")
    if _SECTION.search(file.content):
        return Recognition.by_content("it has configuration_items or relationships")
    if named and file.content.lstrip()[:1] == b"{" and b"configuration_items" in file.content:
        return Recognition.exactly("it is YAML by its name and has configuration_items")
    return named


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Records in the order of the files, with lines and JSON pointers as their places."""
    for file in files:
        for document in parse_yaml(file, context.max_depth, text_up_to=_FIELD_LEVEL):
            if isinstance(document, Problem):
                yield document
            else:
                yield from records(document, file.name, context.max_depth)
