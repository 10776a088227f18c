"""Reads a file of rules that an admin writes, TOML or YAML, and says where it is wrong."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cmdb.importers.records import InputFile
from cmdb.importers.yaml_text import parse_yaml
from cmdb.schemas import Problem
from opsatlas.errors import ErrorItem, InvalidInputError

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 8
_TOLD = 5

Model = TypeVar("Model", bound=BaseModel)


def open_rules(place: Path, refused: type[InvalidInputError], setting: str) -> InputFile:
    """The file at `place`. Raises `refused` where it cannot be read."""
    try:
        return InputFile(place.name, place.read_bytes())
    except OSError as error:
        raise refused(
            f"{place} cannot be read: {error.strerror}", hint=f"{setting} names it"
        ) from error


def read_rules(
    model: type[Model], file: InputFile, refused: type[InvalidInputError], *, page: str
) -> Model:
    """What the file says. Raises `refused`, which names the place and the page of the form."""
    if len(file.content) > MAX_BYTES:
        raise refused(f"{file.name} is longer than {MAX_BYTES:,} bytes")
    try:
        return model.model_validate(_document(file, refused))
    except ValidationError as error:
        items = [_item(each) for each in error.errors()]
        listed = "; ".join(f"{item.pointer}: {item.detail}" for item in items[:_TOLD])
        raise refused(f"{file.name}: {listed}", hint=f"{page} has the form", errors=items) from None


def _document(file: InputFile, refused: type[InvalidInputError]) -> Any:
    if file.name.lower().endswith((".yaml", ".yml")):
        documents = parse_yaml(file, _MAX_DEPTH)
        if isinstance(documents[0], Problem):
            problem = documents[0]
            raise refused(f"{file.name}: {problem.message}", hint=problem.hint)
        return documents[0]
    try:
        return tomllib.loads(file.content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(
            f"{file.name} is not TOML: {error}", hint="YAML is read from a file named .yaml"
        ) from None


def _item(error: Any) -> ErrorItem:
    place = "/" + "/".join(str(part) for part in error["loc"])
    unknown = error["type"] == "extra_forbidden"
    detail = "there is no such setting" if unknown else error["msg"].removeprefix("Value error, ")
    return ErrorItem(place, detail)
