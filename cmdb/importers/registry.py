"""The inventory formats by name: our own, and those of other packages by entry point."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol

from cmdb.importers import native_csv, native_json, native_yaml
from cmdb.importers.records import InputFile, KindSeen, ParsedRecord, ReadLimits, Where
from cmdb.names import did_you_mean
from cmdb.problems import problem
from cmdb.schemas import Problem
from opsatlas.errors import InvalidInputError

AUTO = "auto"
ENTRY_POINTS = "opsatlas.importers"


class Importer(Protocol):
    """A format. A module with these three names is one."""

    NAME: str

    def recognises(self, file: InputFile) -> int:
        """How sure it is that the file has this format: 0 not at all, 1 by its name only, 2 by its
        content, 3 by both. Must not raise, whatever the file holds."""
        ...

    def read(
        self, file: InputFile, limits: ReadLimits
    ) -> Iterator[ParsedRecord | KindSeen | Problem]:
        """The file's records. Must not raise: what cannot be read is yielded as a problem."""
        ...


_BUILT_IN: tuple[Importer, ...] = (native_csv, native_json, native_yaml)


@cache
def importers() -> dict[str, Importer]:
    """Every format that is installed, by name."""
    found = {importer.NAME: importer for importer in _BUILT_IN}
    for entry in entry_points(group=ENTRY_POINTS):
        found[entry.name] = entry.load()
    return found


def find_format(name: str) -> Importer | None:
    """The format called `name`, in full or without `native_`; None for `auto`.

    Raises InvalidInputError for a name that no format has.
    """
    known = importers()
    wanted = name.strip().lower().replace("-", "_")
    if wanted == AUTO:
        return None
    for candidate in (wanted, f"native_{wanted}"):
        if candidate in known:
            return known[candidate]
    names = [AUTO, *known]
    raise InvalidInputError(
        f"there is no format {name!r}",
        hint=did_you_mean(name, names) or f"the formats are {', '.join(names)}",
    )


def choose(file: InputFile, name: str = AUTO) -> Importer | Problem:
    """The format called `name`, or with `auto` the one that recognises the file best.

    Raises InvalidInputError for a name that no format has.
    """
    known = importers()
    said = find_format(name)
    if said is not None:
        return said
    if not file.content.strip():
        return problem("empty_file", "the file is empty", where=Where(file.name))
    sure = {importer.NAME: importer.recognises(file) for importer in known.values()}
    best = max(sure.values())
    fitting = [format_name for format_name, score in sure.items() if score == best]
    if best and len(fitting) == 1:
        return known[fitting[0]]
    message = f"it could be {' or '.join(fitting)}" if best else "no format fits this file"
    return problem(
        "unknown_format",
        message,
        where=Where(file.name),
        hint=f"say which with the format option: {', '.join(known)}",
    )
