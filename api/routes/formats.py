"""Inventory formats: which there are, how each reads its source, and a mapping for a table."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from api.auth import Admin, Held, Reader
from api.lists import Listing, Query, list_parameters, whole
from api.strict_route import StrictRoute
from api.uploads import Uploads
from cmdb.importers.opened import OpenedFile
from cmdb.importers.proposal import propose
from cmdb.importers.records import InputFile
from cmdb.importers.registry import broken_importers, default_mapping_text, importers
from cmdb.importers.unpacking import UnpackingLimits, unpack
from cmdb.load_options import LoadLimits
from cmdb.source_mappings import shown_mapping
from opsatlas.errors import InvalidInputError
from opsatlas.field_docs import field_docs

router = APIRouter(route_class=StrictRoute, prefix="/formats", tags=["imports"])

Name = Annotated[str, Path(description="A format (`servicenow`), or a source with a mapping")]


class FormatOut(BaseModel):
    """An inventory format."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    name: str
    has_mapping: bool
    """Whether it goes by a mapping, which can be changed."""
    broken: str | None = None
    """Why it cannot be used: which other package brings it, and what ails that."""


class MappingOut(BaseModel):
    """How the words of a source become ours."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    name: str
    format: str
    mapping: str
    """TOML; empty for a format that needs none."""


class ProposalOut(BaseModel):
    """A mapping to begin with."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    file: str
    mapping: str
    """TOML."""


@router.get("", openapi_extra=list_parameters(None))
def list_formats(request: Request, query: Query, _caller: Reader) -> Listing[FormatOut]:
    """The inventory formats."""
    found = [
        FormatOut(name=name, has_mapping=bool(default_mapping_text(importer)))
        for name, importer in importers().items()
    ] + [
        FormatOut(name=name, has_mapping=False, broken=str(broken))
        for name, broken in broken_importers().items()
        if name not in importers()
    ]
    return whole(request, query, FormatOut, found)


@router.post("/proposal")
def propose_mapping(files: Uploads, held: Held, _caller: Admin) -> ProposalOut:
    """A mapping for a table of your own, by its header and its cells; nothing is loaded."""
    file = _the_file(files, LoadLimits.of(held.settings).unpacking)
    return ProposalOut(file=file.name, mapping=propose(file))


@router.get("/{name:path}")
def get_format(name: Name, held: Held, _caller: Reader) -> MappingOut:
    """The mapping of a format, or that of a source with the format's behind it."""
    format_name, text = shown_mapping(held.settings.resolved_mapping_dir, name)
    return MappingOut(name=name, format=format_name, mapping=text)


def _the_file(files: list[InputFile], limits: UnpackingLimits) -> OpenedFile:
    unpacked = unpack(files, limits)
    for problem in unpacked.problems:
        raise InvalidInputError(problem.message, hint=problem.hint)
    if len(unpacked.files) != 1:
        raise InvalidInputError("a mapping is proposed for one file", hint="send one at a time")
    return OpenedFile.of(unpacked.files[0])
