"""What an importer is: the port through which every inventory format plugs in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile, KindSeen, ParsedRecord
from cmdb.schemas import Problem

Item = ParsedRecord | KindSeen | Problem
"""What reading yields."""

BY_NAME, WEAKLY, BY_CONTENT, EXACTLY = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Recognition:
    """How sure a format is that a file is its own, and why: the phrase ends "… because"."""

    certainty: int
    """`BY_NAME`, `WEAKLY`, `BY_CONTENT` or `EXACTLY`; the highest one alone wins."""
    why: str

    @classmethod
    def by_name(cls, file: InputFile, *endings: str) -> "Recognition | None":
        """Where nothing but the file's name speaks for the format."""
        name = file.name.lower()
        ending = next((each for each in endings if name.endswith(each)), None)
        return cls(BY_NAME, f"its name ends in {ending}") if ending else None

    @classmethod
    def weakly(cls, why: str) -> "Recognition":
        """Where the content is possible, and nothing in it is the format's own."""
        return cls(WEAKLY, why)

    @classmethod
    def by_content(cls, why: str) -> "Recognition":
        """Where the content has what hardly another format has."""
        return cls(BY_CONTENT, why)

    @classmethod
    def exactly(cls, why: str) -> "Recognition":
        """Where the content names the format itself (an `apiVersion`, a `bomFormat`)."""
        return cls(EXACTLY, why)


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What reading goes by, beside the files."""

    mapping: Mapping = field(default_factory=Mapping)
    """How the source's words become ours: the format's default with the admin's changes."""
    max_depth: int = 50
    """Deepest nesting of objects and lists."""


class Importer(Protocol):
    """A format. A module with these three names is one.

    A format with a default mapping has it in `mappings/NAME.toml`, or as `MAPPING`, TOML text,
    where it is another package's.
    """

    NAME: str

    def recognises(self, file: OpenedFile) -> Recognition | None:
        """Whether the file has this format. Must not raise, whatever the file holds."""
        ...

    def read(self, files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
        """The records of all files of one load that have this format; what one file says may need
        another. Must not raise: what cannot be read is yielded as a problem."""
        ...
