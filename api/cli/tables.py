"""Plain tables for lists of records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from api.cli.terminal import plain


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table without lines; None is shown as a dash, lists by their elements."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(plain(_shown(cell)) for cell in row))
    return made


def _shown(cell: Any) -> str:
    if cell is None or cell == "":
        return "-"
    return ", ".join(map(str, cell)) if isinstance(cell, list) else str(cell)
