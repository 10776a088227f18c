"""The inventory formats by name: our own, and those of other packages by entry point."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from cmdb.importers import (
    ansible,
    aws_config,
    backstage,
    compose,
    cyclonedx,
    itop,
    jaeger,
    kubernetes,
    native_csv,
    native_json,
    native_xlsx,
    native_yaml,
    netbox,
    servicenow,
    spreadsheet,
    terraform,
    zipkin,
)
from cmdb.importers.mapping import Mapping, read_mapping
from cmdb.importers.of_others import BrokenImporter, ImportersOfOthers, failed_at, installed
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Importer, Recognition
from cmdb.importers.records import InputFile, Where
from cmdb.importers.xlsx_file import is_workbook
from cmdb.importers.xml_text import begins_xml
from cmdb.names import did_you_mean
from cmdb.problems import problem
from cmdb.schemas import Problem
from opsatlas.errors import InvalidInputError

AUTO = "auto"
_BUILT_IN: tuple[Importer, ...] = (
    native_csv,
    native_json,
    native_yaml,
    native_xlsx,
    ansible,
    aws_config,
    backstage,
    compose,
    cyclonedx,
    itop,
    jaeger,
    kubernetes,
    netbox,
    servicenow,
    spreadsheet,
    terraform,
    zipkin,
)


@cache
def importers() -> dict[str, Importer]:
    """Every format that is installed and can be used, by name."""
    return {importer.NAME: importer for importer in _BUILT_IN} | _of_others().working


def broken_importers() -> dict[str, BrokenImporter]:
    """The formats of other packages that cannot be used, by name."""
    return _of_others().broken


@cache
def _of_others() -> ImportersOfOthers:
    return installed()


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
    broken = broken_importers().get(wanted)
    if broken is not None:
        raise InvalidInputError(f"the format {wanted} cannot be used: {broken}", hint=broken.hint)
    raise InvalidInputError(
        f"there is no format {name!r}",
        hint=did_you_mean(name, names) or f"the formats are {', '.join(names)}",
    )


def default_mapping_text(importer: Importer) -> str:
    """The shipped mapping of a format, as TOML with its comments; empty where it needs none."""
    own = getattr(importer, "MAPPING", None)
    if isinstance(own, str):
        return own
    shipped = resources.files("cmdb.importers") / "mappings" / f"{importer.NAME}.toml"
    return shipped.read_text("utf-8") if shipped.is_file() else ""


@cache
def default_mapping(name: str) -> Mapping:
    """The shipped mapping of the format called `name`."""
    text = default_mapping_text(importers()[name])
    return read_mapping(InputFile(f"{name}.toml", text.encode()))


@dataclass(frozen=True, slots=True)
class Choice:
    """The format of a file, and why: the phrase ends "… because"."""

    importer: Importer
    why: str


def choose(file: InputFile, name: str = AUTO) -> Importer | Problem:
    """The format that `chosen` finds."""
    found = chosen(file, name)
    return found if isinstance(found, Problem) else found.importer


def chosen(
    file: InputFile, name: str = AUTO, failed: dict[str, BrokenImporter] | None = None
) -> Choice | Problem:
    """The format called `name`, or with `auto` the one that recognises the file best. Importers
    that raise instead of saying whether it is theirs are put into `failed`.

    Raises InvalidInputError for a name that no format has.
    """
    said = find_format(name)
    if said is not None:
        return Choice(said, "the load says so")
    opened = OpenedFile.of(file)
    if not file.content.strip():
        return problem("empty_file", "the file is empty", where=Where(file.name))
    candidates = recognise(opened, failed)
    if len(candidates) == 1:
        importer, found = candidates[0]
        return Choice(importer, found.why)
    known = importers()
    hint = f"say which with the format option: {', '.join(known)}"
    if candidates:
        message = "it could be " + " or ".join(
            f"{importer.NAME} ({found.why})" for importer, found in candidates
        )
    else:
        message = "no format fits this file"
        tables = opened.tables
        if isinstance(tables, Problem) and is_workbook(file.content):
            return tables
        if begins_xml(file) and isinstance(opened.xml, Problem):
            return opened.xml
        if not isinstance(tables, Problem) and any(len(table.header) > 1 for table in tables):
            hint = f"for a table, `opsatlas sources map FILE` proposes how to read it; else {hint}"
    return problem("unknown_format", message, where=Where(file.name), hint=hint)


def recognise(
    file: OpenedFile, failed: dict[str, BrokenImporter] | None = None
) -> Sequence[tuple[Importer, Recognition]]:
    """The formats that are surest of the file, equally sure; usually one. See `chosen`."""
    found: list[tuple[int, Importer, Recognition]] = []
    for importer in importers().values():
        try:
            said = importer.recognises(file)
            if said is not None:
                found.append((said.certainty, importer, said))
        except Exception as error:
            if importer in _BUILT_IN:
                raise
            if failed is not None:
                failed[importer.NAME] = failed_at(importer, error)
    best = max((certainty for certainty, _, _ in found), default=0)
    return [(importer, said) for certainty, importer, said in found if certainty == best]
