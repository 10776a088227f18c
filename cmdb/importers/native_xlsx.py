"""The native columns in a workbook: sheets of configuration items and of relationships."""

from collections.abc import Iterator, Sequence

from cmdb.importers.formula_cells import unescaped
from cmdb.importers.native_layout import canonical, kind_of, layout_of, recognised, record_of
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import KindSeen, Where
from cmdb.importers.tables import Table
from cmdb.importers.xlsx_file import is_workbook
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "native_xlsx"


def recognises(file: OpenedFile) -> Recognition | None:
    """By the headers that the native format requires, in any sheet."""
    if not is_workbook(file.content) or isinstance(file.tables, Problem):
        return None
    found = [said for table in file.tables if (said := recognised(table.header))]
    return max(found, key=lambda said: said.certainty, default=None)


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """Records sheet by sheet; a sheet without native columns is left out where others have some."""
    for file in files:
        tables = file.tables
        if isinstance(tables, Problem):
            yield tables
            continue
        native = [table for table in tables if kind_of(canonical(table.header))]
        for table in tables:
            if native and table not in native:
                yield problem(
                    "sheet_left_out",
                    f"no column of the native format is in the sheet {table.name!r}",
                    where=Where(table.file, table.header_line),
                    severity=Severity.WARNING,
                    value=", ".join(table.header),
                    hint="configuration items need `name` and `ci_class`, relationships "
                    "`dependent` and `provider`",
                )
            else:
                yield from _read(table)


def _read(table: Table) -> Iterator[Item]:
    rows = table.raw_rows()
    header: list[str] = []
    for line, row in rows:
        if line == table.header_line and not isinstance(row, Problem):
            # As it is written: `table.header` tells equal ones apart.
            header = [unescaped(cell) for cell in row]
            break
    layout = yield from layout_of(header, Where(table.file, table.header_line))
    if layout is None:
        return
    yield KindSeen(layout.kind)
    for line, row in rows:
        if isinstance(row, Problem):
            yield row.model_copy(update={"kind": layout.kind})
        elif any(cell.strip() for cell in row):
            blanks = [""] * (layout.width - len(row))
            # A native CSV that was saved as a workbook has its escapes still.
            cells = [*map(unescaped, row), *blanks]
            yield record_of(layout, Where(table.file, line), cells)
