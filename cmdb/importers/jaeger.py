"""Jaeger's dependencies: the answer of `/api/dependencies`, services and who calls whom."""

from collections.abc import Iterator, Sequence

from cmdb.importers.call_graph import Links, is_link, records
from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Where
from cmdb.problems import problem
from cmdb.schemas import Problem

NAME = "jaeger"

_ENVELOPE = {"data", "total", "limit", "offset", "errors"}


def recognises(file: OpenedFile) -> Recognition | None:
    """By links in `data`; where there are none, weakly by what is around it."""
    if not begins_json(file) or not isinstance(file.json, dict):
        return None
    data = file.json.get("data")
    if isinstance(data, list) and data and is_link(data[0]):
        return Recognition.by_content("its data are links of parent, child and callCount")
    if not data and file.json.keys() == _ENVELOPE:
        return Recognition.weakly("it is an empty answer such as Jaeger gives")
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Services, and which depends on which, added up over the files."""
    found: list[Links] = []
    for file in sorted(files, key=lambda each: each.name):
        document = file.json
        where = Where(file.name, None, "")
        if isinstance(document, Problem):
            yield document
            continue
        data = document.get("data") if isinstance(document, dict) else None
        errors = document.get("errors") if isinstance(document, dict) else None
        if errors:
            yield problem(
                "source_error",
                "Jaeger answered with an error instead of all its data",
                where=where,
                column="errors",
                value=_first_message(errors),
                hint="ask for the dependencies again",
            )
        elif isinstance(data, list):
            found.append(Links(where._replace(pointer="/data"), data))
        else:
            yield problem(
                "unexpected_shape",
                "the file must hold an object with the list `data`",
                where=where,
                value=document,
                hint='{"data": [{"parent": "web", "child": "api", "callCount": 7}]}',
            )
    yield from records(found, context.mapping)


def _first_message(errors: object) -> object:
    first = errors[0] if isinstance(errors, list) else errors
    return first.get("msg") if isinstance(first, dict) else first
