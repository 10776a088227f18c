"""Which format each file of a load has, and why; and the source of a load that names none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cmdb.importers.file_names import told
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile
from cmdb.importers.registry import broken_importers, chosen
from cmdb.schemas import Problem, Recognised
from cmdb.source_mappings import is_native
from opsatlas.errors import InvalidInputError

NATIVE = "native"
"""The source of files in a format of our own, where no other is named."""


class SeveralFormatsError(InvalidInputError):
    """Files of several systems in one load that names no source."""

    code = "several_formats"


@dataclass(slots=True)
class SortedFiles:
    """The files of a load by their formats; what no format fits is a problem."""

    by_format: dict[str, list[OpenedFile]] = field(default_factory=dict)
    recognised: list[Recognised] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def sort_files(files: Iterable[InputFile], format_name: str) -> SortedFiles:
    """Each file with the format of that name, or with `auto` the one that recognises it best.

    Raises InvalidInputError for a name that no format has.
    """
    result = SortedFiles()
    failed = dict(broken_importers())
    for file in map(OpenedFile.of, files):
        choice = chosen(file, format_name, failed)
        if isinstance(choice, Problem):
            result.problems.append(choice)
            continue
        name = choice.importer.NAME
        result.by_format.setdefault(name, []).append(file)
        result.recognised.append(Recognised(file=file.name, format=name, why=choice.why))
    result.problems.extend(broken.as_problem() for broken in failed.values())
    return result


def source_of(by_format: Mapping[str, Sequence[InputFile]]) -> str:
    """The source of a load that names none: `native`, or the one foreign format's name.

    Raises SeveralFormatsError.
    """
    files: dict[str, list[str]] = {}
    for name, some in by_format.items():
        source = NATIVE if is_native(name) else name
        files.setdefault(source, []).extend(file.name for file in some)
    if len(files) > 1:
        listed = "; ".join(f"{name} ({told(names, 3)})" for name, names in files.items())
        raise SeveralFormatsError(
            f"the files are of several formats, and no source is named: {listed}",
            hint="name the system that they come from with `source`, or load the files of each"
            " format for themselves",
        )
    return next(iter(files), NATIVE)
