"""Which column of a table is which of our fields: by what it is called and what it holds."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from rapidfuzz import fuzz

from cmdb import values
from cmdb.importers.headers import header_form
from cmdb.importers.mapping import Mapping
from cmdb.importers.proposal_words import WORDS
from cmdb.importers.spreadsheet.importer import without_total
from cmdb.importers.tables import Row, Table
from cmdb.names import fold
from cmdb.plain_text import RefusedValueError, text

SAMPLE = 5_000
"""Rows that are looked at."""
_LIKE = 84.0
"""Least likeness (0 to 100, rapidfuzz's ratio) of a header to a word for a field."""
_SHORTEST_LIKE = 5
"""Letters from which a word may be misspelt and still be recognised."""
_CONTAINS = 90.0
_FITS = 0.8
"""Share of the values that must fit a field where the header says nothing."""
_MOST_CLASSES = 100

_MAC = re.compile(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE)
_ID = re.compile(r"[a-z]{0,8}[-_ /.]?\d{3,}", re.IGNORECASE)
_NO_WORD = re.compile(r"[\W_]+")
_SEPARATOR = re.compile(r"[,;|/\s]+")
_ENVIRONMENTS = frozenset(["production", "staging", "test", "development", "qa", "training", "dr"])


def _words(said: str) -> str:
    """The words of a header, without accents, each between spaces."""
    decomposed = unicodedata.normalize("NFKD", said.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return f" {' '.join(_NO_WORD.split(plain)).strip()} "


_KNOWN_HEADERS = {
    field: [(word, header_form(word), _words(word)) for word in words]
    for field, words in WORDS.items()
}


class Column:
    """A column with those of its values that say something, from the rows that were looked at."""

    def __init__(self, header: str, cells: list[str]) -> None:
        self.header = header
        self.values = cells

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value comes."""
        return Counter(self.values)

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice."""
        return len(self.counts) == len(self.values)

    def share(self, fits: Callable[[str], bool]) -> float:
        """The share of the values that fit, 0 to 1; 0 without values."""
        return self.fitting(fits) / len(self.values) if self.values else 0.0

    def fitting(self, fits: Callable[[str], bool]) -> int:
        """How many values fit."""
        return sum(count for value, count in self.counts.items() if fits(value))


@dataclass(frozen=True, slots=True)
class Guess:
    """A column for a field, and why."""

    column: Column
    why: str


def columns_of(tables: Sequence[Table]) -> tuple[list[Column], int]:
    """The columns of the first table that have a header, with the values of all that have the
    same; and how many rows were looked at."""
    cells: dict[str, list[str]] = {header: [] for header in tables[0].header if header}
    found = (row for table in tables for row in without_total(table.rows()))
    rows = 0
    for row in islice((row for row in found if isinstance(row, Row)), SAMPLE):
        rows += 1
        for header, cell in row.cells.items():
            if header in cells and _stated(cell):
                cells[header].append(cell)
    return [Column(header, some) for header, some in cells.items()], rows


class Fits:
    """Whether a value is such as a field holds, by field; fields that hold anything have none."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        known = mapping.values.get("environment", {})
        self._environments = _ENVIRONMENTS | {word.casefold() for word in known}
        self.checks: dict[str, Callable[[str], bool]] = {
            "ip_address": lambda said: all(map(_is_ip, _parts(said))),
            "fqdn": _is_fqdn,
            "mac_addresses": lambda said: all(map(_MAC.fullmatch, _parts(said))),
            "environment": self._is_environment,
            "status": lambda said: self.understood("status", said),
            "criticality": lambda said: self.understood("criticality", said),
            "ci_class": lambda said: mapping.ci_class(said) is not None,
        }

    def understood(self, field: str, said: str) -> bool:
        """Whether the load takes this value, by the shipped mapping where it has the word."""
        try:
            return values.CI_VALUES[field](self._mapping.value(field, said)) is not None
        except RefusedValueError:
            return False

    def _is_environment(self, said: str) -> bool:
        try:
            ours = values.environment(said)
        except RefusedValueError:
            return False
        return said.casefold() in self._environments or ours in _ENVIRONMENTS


_NOUNS = {
    "ip_address": "IP addresses",
    "fqdn": "full host names",
    "mac_addresses": "MAC addresses",
    "environment": "environments that are known",
    "status": "statuses that are known",
    "criticality": "criticalities that are known",
    "ci_class": "classes that are known",
}
_BY_HEADER_ALONE = frozenset(["criticality"])
"""Fields whose values look like many others': 1, 2, 3."""
_NEEDS_FIT = frozenset(["ip_address", "fqdn", "mac_addresses"])


def guess(columns: Sequence[Column], fits: Fits) -> dict[str, Guess]:
    """The best column for each field; each column is used once, the surest pairs first."""
    pairs: list[tuple[float, int, str, Guess]] = []
    for position, column in enumerate(columns):
        form, words = header_form(column.header), _words(column.header)
        for field in WORDS:
            if found := _pair(column, field, fits, *_header_score(form, words, field)):
                pairs.append((-found[0], position, field, found[1]))
    pairs.sort(key=lambda pair: pair[:3])
    guesses: dict[str, Guess] = {}
    used: set[int] = set()
    for _score, position, field, found_guess in pairs:
        if field not in guesses and position not in used:
            guesses[field] = found_guess
            used.add(position)
    return guesses


def _pair(
    column: Column, field: str, fits: Fits, score: float, why: str
) -> tuple[float, Guess] | None:
    check = fits.checks.get(field)
    if field == "ci_class" and len(column.counts) > _MOST_CLASSES:
        return None
    if check is None or not column.values:
        return (score, Guess(column, f"{why}{_filled(column)}")) if score else None
    share = column.share(check)
    counted = f"{column.fitting(check):,} of {len(column.values):,} values are {_NOUNS[field]}"
    if score:
        if field in _NEEDS_FIT and share < 1 - _FITS:
            return None
        return score + 20 * share, Guess(column, f"{why}; {counted}")
    if share < _FITS or field in _BY_HEADER_ALONE:
        return None
    return 60 * share, Guess(column, f"{counted}, the header does not say it")


def _filled(column: Column) -> str:
    unique = ", each once" if column.is_unique and column.values else ""
    return f"; {len(column.values):,} values{unique}"


def _header_score(form: str, words: str, field: str) -> tuple[float, str]:
    """How sure a header is of a field (0 to 100), and the reason in words."""
    best, why = 0.0, ""
    for word, of_word, its_words in _KNOWN_HEADERS[field]:
        if form == of_word:
            return 100.0, "the header says it"
        if its_words in words:
            score, reason = _CONTAINS - len(form) / 100, f"the header contains {word!r}"
        elif min(len(form), len(of_word)) >= _SHORTEST_LIKE:
            score = fuzz.ratio(form, of_word, score_cutoff=_LIKE) - 1
            reason = f"the header is like {word!r}" if score > best else ""
        else:
            continue
        if score > best:
            best, why = score, reason
    return best, why


def name_guess(columns: Sequence[Column], guesses: dict[str, Guess]) -> Guess:
    """A column for the name where no header says it: what tells the rows apart best."""
    if "fqdn" in guesses:
        return Guess(guesses["fqdn"].column, "full host names; no header says name")
    used = {found.column.header for found in guesses.values()}
    free = [each for each in columns if each.values and each.header not in used]
    texts = [each for each in free if any(char.isalpha() for char in each.values[0])]
    for column in texts:
        if column.is_unique:
            return Guess(column, "a guess: each of its values comes once")
    column = (texts or free or list(columns))[0]
    return Guess(column, "a guess: no header says name and no text is unique; choose another")


def key_guess(columns: Sequence[Column], rows: int, guesses: dict[str, Guess]) -> Guess | None:
    """A column for the key where no header says it: every row has one of its own, in one form."""
    used = {found.column.header for found in guesses.values()}
    for column in columns:
        if column.header in used or len(column.values) < max(rows, 2) or not column.is_unique:
            continue
        if column.share(lambda said: bool(_ID.fullmatch(said))) >= _FITS:
            return Guess(column, "a guess: every row has a number of its own there")
    return None


def needs_guesses(
    columns: Sequence[Column], guesses: dict[str, Guess], known: set[str]
) -> list[Guess]:
    """Columns that name other rows, whatever their header says."""
    used = {found.column.header for found in guesses.values()}
    return [
        Guess(column, "most of its values are names of rows, the header does not say it")
        for column in columns
        if column.header not in used
        and len(column.values) > 1
        and column.share(lambda said: all(fold(part) in known for part in names_in(said))) >= _FITS
    ]


def names_in(cell: str, pattern: str = r"[,;\n]") -> list[str]:
    """The names that a cell lists."""
    return [part.strip() for part in re.split(pattern, cell) if part.strip()]


def is_full_name(column: Column) -> bool:
    """Whether the names are full host names, too."""
    return column.share(_is_fqdn) >= _FITS


def _parts(said: str) -> list[str]:
    return [part for part in _SEPARATOR.split(said) if part] if "/" not in said else [said]


def _is_ip(said: str) -> bool:
    try:
        return values.ip_address(said) is not None and ("." in said or ":" in said)
    except RefusedValueError:
        return False


def _is_fqdn(said: str) -> bool:
    try:
        name = values.fqdn(said)
    except RefusedValueError:
        return False
    return name is not None and "." in name and name.rpartition(".")[2].isalpha()


def _stated(said: str) -> bool:
    try:
        return text(said, limit=len(said)) is not None
    except RefusedValueError:
        return True
