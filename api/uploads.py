"""Files that come as `multipart/form-data`, and the options that come with every kind of load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, File, Form, Request, UploadFile

from api.strict_route import StrictRoute
from cmdb.importers.records import InputFile
from cmdb.names import did_you_mean
from cmdb.source_mappings import MAX_MAPPING_BYTES, AdminMapping
from opsatlas.errors import ErrorItem, InvalidInputError
from opsatlas.strict_json import check_text


class UnknownFormFieldError(InvalidInputError):
    """A form has a field that the route does not know."""

    code = "unknown_form_field"


async def _known_fields(request: Request) -> None:
    """A misspelt `dry_run` must not become a load."""
    route = request.scope["route"]
    assert isinstance(route, StrictRoute)  # noqa: S101 - every route here is one
    for name in await request.form():
        if name not in route.form_fields:
            raise UnknownFormFieldError(
                f"the form has a field {name!r}, which is not known",
                hint=did_you_mean(name, route.form_fields),
                errors=[ErrorItem(f"/{name}", "there is no such field")],
            )


def _files(
    file: Annotated[list[UploadFile], File(description="One file or many")],
    _checked: Annotated[None, Depends(_known_fields)],
) -> list[InputFile]:
    # The server has read the body by now; this only takes it out of the temporary files.
    return [InputFile(form_text(each.filename or "file"), each.file.read()) for each in file]


def _mapping(
    _checked: Annotated[None, Depends(_known_fields)],
    mapping: Annotated[
        UploadFile | None,
        File(description="A mapping (TOML or YAML) over the format's own: `GET /formats/{name}`"),
    ] = None,
) -> AdminMapping | None:
    if mapping is None:
        return None
    name = form_text(mapping.filename or "mapping")
    return AdminMapping.read(InputFile(name, mapping.file.read(MAX_MAPPING_BYTES + 1)))


def _choices(
    set: Annotated[  # noqa: A002 - the field's name
        list[str] | None, Form(description="`NAME=VALUE`: an option of the format; repeatable")
    ] = None,
) -> dict[str, str]:
    found: dict[str, str] = {}
    for said in set or ():
        name, equals, value = form_text(said).partition("=")
        if not equals or not name.strip():
            raise InvalidInputError(
                f"{said!r} chooses nothing",
                hint="set takes NAME=VALUE",
                errors=[ErrorItem("/set", "it must be NAME=VALUE", said)],
            )
        found[name.strip()] = value.strip()
    return found


def form_text(value: str) -> str:
    """A text of a form as databases can hold it. Raises MalformedJsonError."""
    check_text(value)
    return value


def size_of(files: Sequence[InputFile]) -> int:
    """Bytes of all files together."""
    return sum(len(file.content) for file in files)


Uploads = Annotated[list[InputFile], Depends(_files)]
MappingFile = Annotated[AdminMapping | None, Depends(_mapping)]
Choices = Annotated[dict[str, str], Depends(_choices)]
DryRun = Annotated[bool, Form(description="Say what would change, and change nothing")]
Partial = Annotated[
    bool, Form(description="Load the good records and leave the bad ones, instead of all or none")
]
