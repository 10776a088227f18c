"""Which columns of a table a mapping means; what it names and the table lacks is a problem."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from cmdb.importers.headers import find_header, find_headers
from cmdb.importers.mapping import Mapping, Option
from cmdb.importers.records import CI_FIELDS, Where
from cmdb.importers.tables import Table
from cmdb.names import did_you_mean
from cmdb.problems import problem
from cmdb.schemas import Problem, Severity

_SHOWN = 20
"""Headers that a problem lists."""
PROPOSE = "`opsatlas sources map FILE` proposes a mapping"


@dataclass(frozen=True, slots=True)
class Columns:
    """The headers of a table by what they hold."""

    fields: dict[str, str | list[str]]
    """By our field or the name of an attribute; the first that says something counts."""
    key: str | None
    ci_class: str | None
    depends_on: tuple[tuple[str, str], ...]
    """The name under which the mapping has its relationship, and the header."""


def name_columns(table: Table, mapping: Mapping) -> list[str]:
    """The columns that may hold a row's name; a table without one describes nothing of ours."""
    return find_headers(mapping.fields.get("name", "name"), table.header)


def no_name(table: Table, mapping: Mapping) -> Problem:
    """That no column of a table is the name."""
    wanted = _texts(mapping.fields.get("name", "name"))
    return _not_found(table, "name", wanted)


def columns_of(table: Table, mapping: Mapping) -> Generator[Problem, None, Columns | None]:
    """The columns that the mapping means; None after an error."""
    header = table.header
    fields: dict[str, str | list[str]] = {}
    for field, said in {"name": "name", **mapping.fields}.items():
        if field in ("key", "ci_class"):
            continue
        if found := find_headers(said, header):
            fields[field] = found
        elif field in mapping.fields:
            yield _not_found(table, field, _texts(said), Severity.WARNING)
    fields |= {
        field: field
        for field in set(header).intersection(CI_FIELDS) - {"key", "ci_class"}
        if field not in mapping.fields
    }
    key_said = mapping.options.get("key", mapping.fields.get("key"))
    key = _first(key_said, header)
    class_column = _first(mapping.fields.get("ci_class"), header)
    if class_column is None and "ci_class" not in mapping.fields and "ci_class" in header:
        class_column = "ci_class"
    failed = False
    if key is None and key_said:
        yield _not_found(table, "key", _texts(key_said))
        failed = True
    if class_column is None and not mapping.option("ci_class"):
        if "ci_class" in mapping.fields:
            yield _not_found(table, "ci_class", _texts(mapping.fields["ci_class"]))
        else:
            yield problem(
                "no_class",
                "the mapping does not say which class the rows have",
                where=Where(table.file, table.header_line),
                hint='add ci_class = "server" under [options], or the column of the class as '
                f"ci_class under [fields]; {PROPOSE}",
            )
        failed = True
    depends_on: list[tuple[str, str]] = []
    for name in _texts(mapping.options.get("depends_on", [])):
        if found_header := find_header(name, header):
            depends_on.append((name, found_header))
        else:
            yield _not_found(table, "depends_on", [name], Severity.WARNING)
    return None if failed else Columns(fields, key, class_column, tuple(depends_on))


def separators(mapping: Mapping) -> list[str]:
    """What stands between several values of one cell."""
    return [each for each in _texts(mapping.options.get("separator", [",", ";", "\n"])) if each]


def _first(said: Option | None, headers: Sequence[str]) -> str | None:
    found = find_headers(_texts(said), headers) if said else []
    return found[0] if found else None


def _texts(said: Option) -> list[str]:
    return [str(each) for each in said] if isinstance(said, list) else [str(said)]


def _not_found(
    table: Table, field: str, wanted: list[str], severity: Severity = Severity.ERROR
) -> Problem:
    named = " or ".join(repr(each) for each in wanted)
    headers = [header for header in table.header if header]
    listed = ", ".join(headers[:_SHOWN]) + ", …" * (len(headers) > _SHOWN)
    near = did_you_mean(wanted[0], headers) if wanted else None
    return problem(
        "column_not_found",
        f"no column is called {named}, which the mapping names for {field!r}",
        where=Where(table.file, table.header_line),
        severity=severity,
        column=field,
        hint=f"{near or ''} the columns are {listed}; {PROPOSE}".strip(),
    )
