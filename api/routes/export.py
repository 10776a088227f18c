"""The whole inventory, to keep or to load elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from api.auth import Held, Reader
from api.strict_route import StrictRoute
from cmdb.export import export_inventory
from cmdb.export_csv import inventory_files, zipped
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["imports"])

_ZIP = "application/zip"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}}
}
Format = Annotated[
    Literal["json", "csv"], Query(description="`csv` is a ZIP archive with two tables")
]


class Inventory(BaseModel):
    """The native JSON format: `POST /imports` takes it as a file."""

    configuration_items: list[dict[str, Any]]
    relationships: list[dict[str, Any]]


@router.get("/export", response_model=Inventory, responses=_ANSWERS)
def get_export(
    held: Held,
    _caller: Reader,
    format: Format = "json",  # noqa: A002 - as other routes call it
) -> Inventory | Response:
    """Every configuration item and relationship in the native format."""
    with reading(held.engine) as session:
        inventory = export_inventory(session)
    if format == "json":
        return Inventory.model_validate(inventory)
    disposition = {"Content-Disposition": 'attachment; filename="inventory.zip"'}
    return Response(zipped(inventory_files(inventory)), media_type=_ZIP, headers=disposition)
