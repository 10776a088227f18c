"""Alembic's entry: runs on the connection that `opsatlas.db.migrate` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON

from opsatlas.db.model import UtcDateTime


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their names, so that migrations read like the models."""
    name = None
    if kind == "type" and isinstance(item, UtcDateTime):
        name = "UtcDateTime"
    elif kind == "type" and isinstance(item, JSON):
        name = "Json"
    elif kind == "type" and item._variant_mapping:  # noqa: SLF001 - there is no public way
        name = "BigId"
    if name is None:
        return False
    autogenerate.imports.add(f"from opsatlas.db.model import {name}")
    return f"{name}()" if name == "UtcDateTime" else name


configuration = context.config
connection = configuration.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=configuration.attributes["metadata"],
    render_as_batch=True,
    render_item=render_item,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
