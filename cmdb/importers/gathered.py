"""Formats whose files speak of each other: all are taken in before any record is made."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cmdb.importers.json_text import begins_json
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item
from cmdb.importers.records import Where
from cmdb.importers.tables import Table
from cmdb.importers.xml_text import begins_xml
from cmdb.schemas import Problem

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship under the name that the mapping knows it by."""

    name: str
    this: str
    that: str
    where: Where
    group: str | None = None
    min_up: int | str | None = None


class Load(Protocol):
    """What the files of one load say, kept until all are in."""

    def take(self, file: OpenedFile) -> Iterator[Item]:
        """Keep what a file says; yields what can be told at once."""
        ...

    def cis(self) -> Iterator[Item]:
        """The CIs, each once, whatever number of files describe it."""
        ...

    def relationships(self) -> Iterator[Item]:
        """What the files say of two CIs."""
        ...

    def warnings(self, file: str) -> Iterator[Problem]:
        """What was left out, told of the file."""
        ...


def gathered(load: Load, files: Sequence[OpenedFile]) -> Iterator[Item]:
    """CIs, then relationships, whatever the order in which the files were named."""
    ordered = sorted(files, key=lambda file: (file.name, file.content))
    for file in ordered:
        yield from load.take(file)
    if ordered:
        yield from load.cis()
        yield from load.relationships()
        yield from load.warnings(ordered[0].name)


def by_form(
    file: OpenedFile,
    as_json: Callable[[OpenedFile], Iterator[_Found]],
    as_xml: Callable[[OpenedFile], Iterator[_Found]],
    as_table: Callable[[Table], Iterator[_Found]],
) -> Iterator[_Found | Problem]:
    """What one file says, read as JSON, XML or tables, by how it begins."""
    if begins_json(file):
        yield from as_json(file)
    elif begins_xml(file):
        yield from as_xml(file)
    elif isinstance(file.tables, Problem):
        yield file.tables
    else:
        for table in file.tables:
            yield from as_table(table)
