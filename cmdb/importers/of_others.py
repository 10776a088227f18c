"""Importers that other packages bring by entry point: those that work, and what ails the others."""

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cmdb.importers.protocol import Importer
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

ENTRY_POINTS = "opsatlas.importers"
BROKEN = "broken_importer"
"""Code of the warning that every load has while such a package is installed."""


@dataclass(frozen=True, slots=True)
class BrokenImporter:
    """A format that cannot be used."""

    name: str
    package: str
    """The one that brings it, with its version."""
    why: str

    def __str__(self) -> str:
        return f"the package {self.package} brings the format {self.name}, and {self.why}"

    @property
    def hint(self) -> str:
        """What to do about it."""
        return f"update {self.package.partition(' ')[0]} or uninstall it; all other formats work"

    def as_problem(self) -> Problem:
        """The warning of a load."""
        return problem(BROKEN, str(self), severity=Severity.WARNING, hint=self.hint)


@dataclass(frozen=True, slots=True)
class ImportersOfOthers:
    """What the installed packages bring."""

    working: dict[str, Importer] = field(default_factory=dict)
    broken: dict[str, BrokenImporter] = field(default_factory=dict)


def installed() -> ImportersOfOthers:
    """Every importer of another package, by name. None of them can make this raise."""
    found = ImportersOfOthers()
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does
            why = f"cannot be imported: {_told(error)}"
        else:
            missing = _missing(entry, loaded)
            if missing is None:
                found.working[entry.name] = loaded
                continue
            why = missing
        found.broken[entry.name] = BrokenImporter(entry.name, package_of(entry), why)
    return found


def failed_at(importer: Importer, error: Exception) -> BrokenImporter:
    """An importer that raised where it must not: at looking whether a file is its own."""
    package = next(
        (package_of(each) for each in entry_points(group=ENTRY_POINTS, name=importer.NAME)),
        "opsatlas",
    )
    return BrokenImporter(importer.NAME, package, f"its `recognises` raises {_told(error)}")


def package_of(entry: EntryPoint) -> str:
    """The package of an entry point, with its version; its module where that is not known."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _missing(entry: EntryPoint, loaded: Any) -> str | None:
    """What an importer lacks of the three names that it must have."""
    for name in ("recognises", "read"):
        if not callable(getattr(loaded, name, None)):
            return f"{entry.value} has no function {name!r}"
    said = getattr(loaded, "NAME", None)
    if said != entry.name:
        return f"the NAME of {entry.value} is {said!r}, not {entry.name!r} as its entry point"
    return None


def _told(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
