"""The whole inventory, to keep or to load elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import Admin, Held
from api.strict_route import StrictRoute
from cmdb.export import export_inventory
from opsatlas.db.transaction import reading

router = APIRouter(route_class=StrictRoute, tags=["imports"])


class Inventory(BaseModel):
    """The native JSON format: `POST /imports` takes it as a file."""

    configuration_items: list[dict[str, Any]]
    relationships: list[dict[str, Any]]


@router.get("/export")
def get_export(held: Held, _caller: Admin) -> Inventory:
    """Every configuration item and relationship in the native format."""
    with reading(held.engine) as session:
        return Inventory.model_validate(export_inventory(session))
