"""Any CSV or XLSX with a header row, by a mapping that says what its columns hold."""

import re
from collections.abc import Iterator, Sequence

from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import Item, ReadContext, Recognition
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.spreadsheet.columns import columns_of, name_columns, no_name
from cmdb.importers.spreadsheet.rows import RowReader
from cmdb.importers.tables import Row, Table
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

NAME = "spreadsheet"

_TOTAL = re.compile(
    r"(((grand|sub)[- ]?)?totals?|total général|(gesamt|zwischen)?summe|gesamt|insgesamt|somme)"
    r"[\s:=.,\d]*",
    re.IGNORECASE,
)


def recognises(file: OpenedFile) -> Recognition | None:
    """Never: nothing in a spreadsheet says what its columns mean; its mapping names the format."""
    return None


def read(files: Sequence[OpenedFile], context: ReadContext) -> Iterator[Item]:
    """The rows of all files, then what they depend on."""
    reading = _Reading(context.mapping)
    for file in files:
        tables = file.tables
        if isinstance(tables, Problem):
            yield tables
        else:
            yield from reading.cis(tables)
    yield from reading.relationships()


class _Reading:
    """Reads tables, and remembers what their rows depend on until all of them are known."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._relationships: list[ParsedRecord] = []
        self._left_out: set[str] = set()
        self._taken: set[str] = set()
        self._related = False

    def cis(self, tables: list[Table]) -> Iterator[Item]:
        """The CIs of one file; sheets without a name column are left out where others have one."""
        named = [table for table in tables if name_columns(table, self._mapping)]
        for table in tables:
            yield from table.warnings
            if table in named:
                yield from self._table(table)
            elif named:
                yield problem(
                    "sheet_left_out",
                    f"the sheet {table.name!r} has no column for the name",
                    where=Where(table.file, table.header_line),
                    severity=Severity.WARNING,
                    value=", ".join(table.header),
                    hint="name one more column under [fields]: name = [...], if it lists things",
                )
            else:
                yield no_name(table, self._mapping)

    def relationships(self) -> Iterator[Item]:
        """What the rows depend on; what rules left out is counted in a warning."""
        if self._related:
            yield KindSeen(Kind.RELATIONSHIP)
        dangling: list[ParsedRecord] = []
        gone = self._left_out - self._taken
        for record in self._relationships:
            if {record.fields["dependent"], record.fields["provider"]} & gone:
                dangling.append(record)
            else:
                yield record
        if dangling:
            yield problem(
                "relationship_left_out",
                "1 relationship is left out with the row that it names"
                if len(dangling) == 1
                else f"{len(dangling):,} relationships are left out with the rows that they name",
                where=dangling[0].where,
                severity=Severity.WARNING,
                value=f"{dangling[0].fields['dependent']} → {dangling[0].fields['provider']}",
            )

    def _table(self, table: Table) -> Iterator[Item]:
        columns = yield from columns_of(table, self._mapping)
        if columns is None:
            return
        yield KindSeen(Kind.CI)
        self._related |= bool(columns.depends_on)
        reader = RowReader(table.file, columns, self._mapping)
        for row in without_total(table.rows()):
            if isinstance(row, Row):
                records = reader.read(row)
                yield from records[:1]
                self._relationships += records[1:]
            elif row.severity is Severity.ERROR:
                yield row.model_copy(update={"kind": Kind.CI})
            else:
                yield row
        self._left_out |= reader.left_out
        self._taken |= reader.taken
        yield from reader.warnings()


def without_total(rows: Iterator[Row | Problem]) -> Iterator[Row | Problem]:
    """The rows without the last one, where that is the sum of the others."""
    held: Row | Problem | None = None
    for row in rows:
        if held is not None:
            yield held
        held = row
    if isinstance(held, Row) and _TOTAL.fullmatch(next(iter(held.cells.values()), "")):
        yield problem(
            "total_line",
            "the last line is a total, not a thing: it is left out",
            where=held.where,
            severity=Severity.WARNING,
            value=next(iter(held.cells.values())),
        )
    elif held is not None:
        yield held
