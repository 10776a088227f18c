"""Zipkin's dependencies: the answer of `/api/v2/dependencies`, services and who calls whom."""

from collections.abc import Iterator, Sequence

from cmdb.importers.call_graph import Links, is_link, records
from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Where
from cmdb.problems import problem
from cmdb.schemas import Problem

NAME = "zipkin"


def recognises(file: OpenedFile) -> Recognition | None:
    """By a list of links; an empty list could be anybody's."""
    if not begins_json(file) or not isinstance(file.json, list):
        return None
    if not file.json:
        return Recognition.weakly("it is an empty list, as Zipkin gives where nothing was called")
    if is_link(file.json[0]):
        return Recognition.by_content("it is a list of links of parent, child and callCount")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Services, and which depends on which, added up over the files."""
    found: list[Links] = []
    for file in sorted(files, key=lambda each: each.name):
        document = file.json
        where = Where(file.name, None, "")
        if isinstance(document, Problem):
            yield document
        elif isinstance(document, list):
            found.append(Links(where, document))
        else:
            yield problem(
                "unexpected_shape",
                "the file must hold a list of links",
                where=where,
                value=document,
                hint='[{"parent": "web", "child": "api", "callCount": 7, "errorCount": 0}]',
            )
    yield from records(found, context.mapping)
