"""What the readers hand on: a record as the file has it, and which kind of record it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from cmdb.importers.records import Where
from kb.schemas import ArticleIn, ChangeIn, IncidentIn, KnownErrorIn, PastFeedback


class Section(StrEnum):
    """What a file lists; also the name of the list in JSON."""

    INCIDENTS = "incidents"
    KNOWN_ERRORS = "known_errors"
    ARTICLES = "articles"
    CHANGES = "changes"
    FEEDBACK = "feedback"


INPUTS: Mapping[Section, type[BaseModel]] = {
    Section.INCIDENTS: IncidentIn,
    Section.KNOWN_ERRORS: KnownErrorIn,
    Section.ARTICLES: ArticleIn,
    Section.CHANGES: ChangeIn,
    Section.FEEDBACK: PastFeedback,
}
LISTS = frozenset({"cis", "tags", "known_errors", "superseded_by", "incidents", "visibility"})
"""Fields that are lists: in CSV their items are separated by `;`."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record; nothing is checked or converted yet."""

    where: Where
    fields: dict[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line of each field, where fields have lines of their own."""
    section: Section | None = None
    """What it is, where the file says so itself."""


def fields_of(section: Section) -> list[str]:
    """The names that the fields of such records may have in a file."""
    names = list(INPUTS[section].model_fields)
    return [*names, "id"] if "number" in names else names


def section_of(file_name: str, names: Iterable[str]) -> Section:
    """What a file most likely lists: by its name, else by the names of its fields."""
    stem = PurePath(file_name).stem.casefold().replace("-", "_").replace(" ", "_")
    if stem in set(Section):
        return Section(stem)
    given = set(names)
    # Of equals the first wins: incidents are what most files are about.
    return max(Section, key=lambda section: len(given.intersection(fields_of(section))))
