"""Shorthands for tests about importers that go by a mapping."""

from collections.abc import Sequence
from typing import NamedTuple

from cmdb.importers.mapping import read_mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Importer, ReadContext
from cmdb.importers.records import InputFile, Kind, KindSeen, ParsedRecord
from cmdb.importers.registry import default_mapping
from cmdb.schemas import Problem

DEPTH = 50


class Read(NamedTuple):
    """What an importer made of files."""

    cis: dict[str, ParsedRecord]
    """By key."""
    relationships: list[ParsedRecord]
    problems: list[Problem]
    kinds: set[Kind]

    @property
    def names(self) -> set[str]:
        """The names of the CIs."""
        return {str(ci.fields.get("name")) for ci in self.cis.values()}

    @property
    def links(self) -> set[tuple[str, str, str]]:
        """Dependent, type and provider of every relationship."""
        return {
            (each.fields["dependent"], each.fields["type"], each.fields["provider"])
            for each in self.relationships
        }

    @property
    def codes(self) -> list[str]:
        """The codes of the problems, each once."""
        return sorted({each.code for each in self.problems})


def read(importer: Importer, *files: str | bytes, mapping: str = "") -> Read:
    """What an importer makes of files, with its shipped mapping and changes to it."""
    names = [f"file-{at}" for at in range(1, len(files) + 1)]
    return read_files(importer, dict(zip(names, files, strict=True)), mapping=mapping)


def read_files(importer: Importer, files: dict[str, str | bytes], mapping: str = "") -> Read:
    """The same, with names of the files; keys must come once."""
    opened: Sequence[OpenedFile] = [
        OpenedFile(name, content.encode() if isinstance(content, str) else content)
        for name, content in files.items()
    ]
    changes = read_mapping(InputFile("changes.toml", mapping.encode()))
    context = ReadContext(changes.over(default_mapping(importer.NAME)), DEPTH)
    found = Read({}, [], [], set())
    for item in importer.read(opened, context):
        if isinstance(item, Problem):
            found.problems.append(item)
        elif isinstance(item, KindSeen):
            found.kinds.add(item.kind)
        elif item.kind is Kind.CI:
            assert item.fields["key"] not in found.cis, item
            found.cis[item.fields["key"]] = item
        else:
            found.relationships.append(item)
    return found
