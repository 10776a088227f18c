"""The native JSON: `{"configuration_items": [{…}], "relationships": [{…}]}`."""

from collections.abc import Iterator, Sequence

from cmdb.importers.documents import SECTIONS, records
from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.schemas import Problem

NAME = "native_json"


def recognises(file: OpenedFile) -> Recognition | None:
    """By its two sections; a file that only begins as JSON is taken where no format fits better."""
    if not begins_json(file):
        return Recognition.by_name(file, ".json")
    found = file.json
    if isinstance(found, dict) and found.keys() & SECTIONS.keys():
        return Recognition.by_content(f"it has {' and '.join(found.keys() & SECTIONS.keys())}")
    return Recognition.weakly("it is JSON")


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Records in the order of the files, with JSON pointers as their places."""
    for file in files:
        document = file.json
        if isinstance(document, Problem):
            yield document
        else:
            yield from records(document, file.name, context.max_depth)
