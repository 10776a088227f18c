"""Reading the files of a load: which format, which kind of record, and is every record sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem
from kb.checks import faults, hint, message
from kb.readers import csv_file, json_file, markdown_file
from kb.readers.raw import INPUTS, RawRecord, Section, section_of

_CODES = {"extra_forbidden": "unknown_field", "missing": "missing_value"}
_OWN_CODES = frozenset(
    {
        "unknown_value",
        "not_a_time",
        "times_out_of_order",
        "nul_character",
        "lone_surrogate",
        "group_name",
    }
)


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A sound record and its place."""

    section: Section
    where: Where
    item: BaseModel


@dataclass(frozen=True, slots=True)
class Refused:
    """A problem, and of what kind the record was that it keeps from being loaded."""

    problem: Problem
    section: Section | None
    first: bool = True
    """Whether it is the record's first problem: each record is rejected once."""


def read(file: InputFile, section: Section | None = None) -> Iterator[ReadRecord | Refused]:
    """The records of a file, which are of the kind `section`, or of the kind that the file says."""
    if markdown_file.recognises(file):
        raw = markdown_file.read(file)
    elif json_file.recognises(file):
        raw = json_file.read(file)
    else:
        raw = csv_file.read(file, section)
    for record in raw:
        if isinstance(record, Problem):
            yield Refused(record, section)
            continue
        kind = record.section or section or section_of(file.name, record.fields)
        yield from _checked(record, kind)


def _checked(record: RawRecord, section: Section) -> Iterator[ReadRecord | Refused]:
    model = INPUTS[section]
    try:
        item = model.model_validate(record.fields)
    except ValidationError as error:
        for at, fault in enumerate(faults(error)):
            yield Refused(_problem(record, fault, model), section, first=at == 0)
    else:
        yield ReadRecord(section, record.where, item)


def _problem(record: RawRecord, fault: Any, model: type[BaseModel]) -> Problem:
    column = str(fault["loc"][0]) if fault["loc"] else None
    row = record.lines.get(column or "", record.where.row)
    value = fault.get("input")
    if column in record.fields and isinstance(value, BaseModel | dict):
        value = record.fields[column]
    code = fault["type"] if fault["type"] in _OWN_CODES else _CODES.get(fault["type"])
    return problem(
        code or "invalid_value",
        message(fault),
        where=record.where._replace(row=row),
        column=column,
        value=None if fault["type"] == "missing" or isinstance(value, dict) else value,
        hint=hint(fault, model),
    )
