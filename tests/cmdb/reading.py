"""Shorthands for tests about importers: a file's records and problems."""

from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Importer, ReadContext
from cmdb.importers.records import Kind, ParsedRecord
from cmdb.schemas import Problem


def read(
    importer: Importer, content: bytes | str, name: str = "file", *, depth: int = 50
) -> tuple[list[ParsedRecord], list[Problem]]:
    """What an importer makes of a file."""
    raw = content.encode() if isinstance(content, str) else content
    records: list[ParsedRecord] = []
    problems: list[Problem] = []
    for item in importer.read([OpenedFile(name, raw)], ReadContext(Mapping(), depth)):
        if isinstance(item, ParsedRecord):
            records.append(item)
        elif isinstance(item, Problem):
            problems.append(item)
        else:
            assert isinstance(item.kind, Kind)
    return records, problems


def the_problem(importer: Importer, content: bytes | str) -> Problem:
    """The only problem of a file that has one."""
    _, problems = read(importer, content)
    assert len(problems) == 1, problems
    return problems[0]
