"""Headers of columns as they are compared: case, accents, spaces and punctuation do not count."""

import unicodedata
from collections.abc import Iterable, Sequence


def header_form(header: str) -> str:
    """Letters and digits alone, case-folded, without accents: `numerodeserie`."""
    decomposed = unicodedata.normalize("NFKD", header.casefold())
    return "".join(char for char in decomposed if char.isalnum())


def find_header(said: str, headers: Sequence[str]) -> str | None:
    """The header that `said` means: spelt the same, else of the same form; the first of several."""
    if said in headers:
        return said
    form = header_form(said)
    return next((header for header in headers if form and header_form(header) == form), None)


def find_headers(said: str | Iterable[str], headers: Sequence[str]) -> list[str]:
    """The headers that one name or several mean; those that are not there are left out."""
    names = [said] if isinstance(said, str) else said
    found = (find_header(name, headers) for name in names)
    return list(dict.fromkeys(header for header in found if header))
