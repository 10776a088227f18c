"""A mapping proposed for a spreadsheet that nobody has mapped yet, with reasons as comments."""

import json
import re
from collections.abc import Iterator
from itertools import islice

from rapidfuzz import fuzz, process

from cmdb.importers.headers import header_form
from cmdb.importers.mapping import Mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.proposal_columns import (
    Column,
    Fits,
    Guess,
    columns_of,
    guess,
    is_full_name,
    key_guess,
    name_guess,
    names_in,
    needs_guesses,
)
from cmdb.importers.proposal_words import WORDS
from cmdb.importers.registry import default_mapping
from cmdb.importers.spreadsheet.importer import NAME
from cmdb.importers.tables import Table
from cmdb.names import fold
from cmdb.problems import printable
from cmdb.schemas import Problem
from opsatlas.errors import InvalidInputError

_LISTED = 60
"""Values, or further columns, that are listed."""
_SHORTEST_END = 5
"""Letters of a known word that may end a longer one: `Filialserver`."""
_LONGEST = 100
"""Characters of a value that is listed."""
_LIKE = 85.0
"""Least likeness (0 to 100, rapidfuzz's ratio) of a value to a word whose meaning is known."""
_SEPARATORS = ("|", "/", " ")
"""What may stand between several values of a cell, beside commas, semicolons and line breaks."""
_HINT = "a mapping is made from a row that names the columns, and rows below it"
_CHOICES = {
    "status": "planned, in_stock, active, maintenance, retired",
    "environment": "any word: production, staging, test, development, …",
    "criticality": "1 (highest) to 4",
}


class NoTableError(InvalidInputError):
    """The file has no table with a header row that a mapping could be proposed for."""

    code = "no_table"


def propose(file: OpenedFile) -> str:
    """A mapping for the format `spreadsheet` as TOML, with a comment on every guess.

    Made from the header and the first rows; it can be read by `read_mapping` as it is. Raises
    NoTableError.
    """
    tables = file.tables
    if isinstance(tables, Problem):
        raise NoTableError(f"{file.name}: {tables.message}", hint=tables.hint or _HINT)
    defaults = default_mapping(NAME)
    fits = Fits(defaults)
    proposals = [_Proposal([table], fits, defaults) for table in tables]
    best = max(proposals, key=lambda each: (each.found, each.rows), default=None)
    if best is None or not any(header_form(column.header) for column in best.columns):
        raise NoTableError(f"{file.name}: no table with a header row is in the file", hint=_HINT)
    name = best.name_header
    alike = [table for table in tables if table is not best.table and name in table.header]
    if alike:
        best = _Proposal([best.table, *alike], fits, defaults)
    return "\n".join(best.lines(file.name, tables)) + "\n"


class _Proposal:
    """What is guessed about a table, and others that have the same columns."""

    def __init__(self, tables: list[Table], fits: Fits, defaults: Mapping) -> None:
        self.table = tables[0]
        self._tables = tables
        self._fits = fits
        self._defaults = defaults
        self.columns, self.rows = columns_of(tables)
        guesses = guess(self.columns, fits)
        self.found = len(guesses)
        """How many columns were recognised."""
        if self.columns:
            guesses.setdefault("name", name_guess(self.columns, guesses))
            if "fqdn" not in guesses and is_full_name(guesses["name"].column):
                guesses["fqdn"] = Guess(guesses["name"].column, "the names are full host names")
        self._key = guesses.get("key") or key_guess(self.columns, self.rows, guesses)
        named = [found.column for found in (guesses.get("name"), self._key) if found]
        self._known = {fold(value) for column in named for value in column.values}
        said = guesses.get("depends_on")
        self._needs = [
            *([said] if said else []),
            *needs_guesses(self.columns, guesses, self._known),
        ]
        self._fields = {
            field: found for field, found in guesses.items() if field not in ("key", "depends_on")
        }

    @property
    def name_header(self) -> str:
        """The column of the name."""
        return self._fields["name"].column.header

    def lines(self, file: str, tables: list[Table]) -> Iterator[str]:
        """The mapping, line by line."""
        yield _comment(f"Proposed for {file} from its header and {_rows(self.rows)}. Look it")
        yield "# through, then try it: opsatlas load FILE --mapping THIS --dry-run"
        if len(tables) > 1:
            yield _comment(f"Made for the sheets: {', '.join(each.name for each in self._tables)}")
            for table in tables:
                if table not in self._tables:
                    yield _comment(f"Left out, as it has no such name column: {table.name}")
        yield from ("", f"format = {_quoted(NAME)}", "", "[fields]")
        for field in WORDS:
            if field in self._fields:
                yield from self._field(field, self._fields[field])
        yield from self._further_columns()
        yield from ("", "[options]")
        yield from self._key_lines()
        if "ci_class" not in self._fields:
            ci_class, why = self._whole_class(file)
            yield _comment(f"Every row is one of these: {why}")
            yield f"ci_class = {_quoted(ci_class)}"
        yield from self._depends_on_lines()
        if "ci_class" in self._fields:
            yield from self._class_lines(self._fields["ci_class"].column)
        for field in _CHOICES:
            if field in self._fields:
                yield from self._value_lines(field, self._fields[field].column)

    def _field(self, field: str, found: Guess) -> Iterator[str]:
        yield _comment(found.why)
        yield f"{field} = {_quoted(found.column.header)}"

    def _further_columns(self) -> Iterator[str]:
        used = {found.column.header for found in self._fields.values()}
        used |= {found.column.header for found in (self._key, *self._needs) if found}
        further = [column.header for column in self.columns if column.header not in used]
        if further:
            more = f", and {len(further) - _LISTED:,} more" * (len(further) > _LISTED)
            listed = ", ".join(header[:_LONGEST] for header in further[:_LISTED])
            yield _comment(f"These become attributes under their own header: {listed}{more}")

    def _key_lines(self) -> Iterator[str]:
        if self._key is None:
            yield "# No column is a key, so the name is; name one if a thing keeps its number there"
            yield '# key = "…"'
            return
        column = self._key.column
        line = f"key = {_quoted(column.header)}"
        if column.is_unique:
            missing = self.rows - len(column.values)
            blank = f"; {missing:,} rows have none: their name is the key" * bool(missing)
            yield _comment(f"What says that a row is the same thing: {self._key.why}{blank}")
            yield line
        else:
            twice = [value for value, count in column.counts.items() if count > 1]
            yield _comment(
                f"No key: {len(twice):,} values come more than once, such as {twice[0][:_LONGEST]}"
            )
            yield f"# {line}"

    def _whole_class(self, file: str) -> tuple[str, str]:
        for said in (self.table.name, file):
            for word in re.split(r"[\W_\d]+", said.rpartition("/")[2]):
                for form in (word, word.removesuffix("s"), word.removesuffix("n")):
                    found = self._defaults.ci_class(form) if form else None
                    if found:
                        return found, f"a guess from {said!r}"
        return "generic", "change it, or name the column of the class as ci_class under [fields]"

    def _depends_on_lines(self) -> Iterator[str]:
        if not self._needs:
            yield '# depends_on = ["…"]     # a column that names what a row needs'
            return
        separator: str | None = None
        for found in self._needs:
            best, named, known = _best_separator(found.column, self._known)
            separator = separator or best
            yield _comment(
                f"{found.column.header}: {found.why}; {known:,} of the {named:,} names in it are "
                "rows of this file, others must be in the CMDB"
            )
        headers = [_quoted(found.column.header) for found in self._needs]
        yield f"depends_on = [{', '.join(headers)}]"
        if separator:
            yield "# This finds the most of them"
            yield f"separator = {_quoted(separator)}"
        yield from ("", "[relationships]")
        yield '# dependency = "optional" where a row still works without what it names'
        for header in headers:
            yield f'{header} = {{ type = "depends_on", dependency = "required" }}'

    def _class_lines(self, column: Column) -> Iterator[str]:
        yield from ("", "# Our classes by the words of the column", "[classes]")
        known = list(self._defaults.classes)
        for said, count in _listed(column):
            ours = self._defaults.ci_class(said)
            if ours:
                yield f"{_quoted(said)} = {_quoted(ours)}  # {_rows(count)}"
            elif near := _nearest(said, known):
                ours = self._defaults.classes[near]
                yield f"{_quoted(said)} = {_quoted(ours)}  # {_rows(count)}; a guess"
            else:
                yield f'# {_quoted(said)} = "generic"  # {_rows(count)}; fill in one of our classes'
        yield from _unlisted(column)

    def _value_lines(self, field: str, column: Column) -> Iterator[str]:
        known = self._defaults.values.get(field, {})
        lines: list[str] = []
        check = self._fits.checks[field]
        for said, count in _listed(column):
            if check(said):
                continue
            if near := _nearest(said, list(known)):
                lines.append(f"{_quoted(said)} = {_quoted(known[near])}  # {_rows(count)}; a guess")
            else:
                lines.append(f'# {_quoted(said)} = ""  # {_rows(count)}; fill in')
        if lines:
            yield from ("", _comment(f"Words that are not known; {_CHOICES[field]}"))
            yield from (f"[values.{field}]", *lines, *_unlisted(column))


def _best_separator(column: Column, known: set[str]) -> tuple[str | None, int, int]:
    """What separates the names of a cell best, where it is not the default; how many names there
    are, and how many are known."""

    def counted(pattern: str) -> tuple[int, int]:
        names = [name for cell in column.values for name in names_in(cell, pattern)]
        return len(names), sum(fold(name) in known for name in names)

    named, found = counted(r"[,;\n]")
    best: str | None = None
    for separator in _SEPARATORS:
        also_named, also_found = counted(re.escape(separator))
        if also_found > found:
            best, named, found = separator, also_named, also_found
    return best, named, found


def _listed(column: Column) -> list[tuple[str, int]]:
    return [
        (said, count)
        for said, count in islice(column.counts.most_common(), _LISTED)
        if len(said) <= _LONGEST
    ]


def _unlisted(column: Column) -> Iterator[str]:
    more = len(column.counts) - len(_listed(column))
    if more:
        yield f"# and {more:,} more words"


def _nearest(said: str, known: list[str]) -> str | None:
    """The known word that `said` is nearly, that stands in it or, as in German, ends it."""
    folded = fold(said)
    if found := process.extractOne(folded, known, scorer=fuzz.ratio, score_cutoff=_LIKE):
        return str(found[0])
    words = " ".join(["", *re.split(r"\W+", folded), ""])
    inside = [
        word
        for word in known
        if f" {word} " in words or (len(word) >= _SHORTEST_END and folded.endswith(word))
    ]
    return max(inside, key=len, default=None)


def _quoted(said: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(said, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(said: str) -> str:
    return f"# {printable(said)}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
