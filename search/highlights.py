"""Where in a text the matched words stand, so that a reader sees them at once."""

import re
from collections.abc import Iterable, Iterator

from search.terms import analyse, terms_of

# As in terms.py, but on the text as it is written: a letter may be followed by its accents.
_COMPOUND = re.compile(r"[\w\u0300-\u036f]+(?:[.-][\w\u0300-\u036f]+)*")
_COMPONENT = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")


def highlights(text: str, matched_words: Iterable[str]) -> list[tuple[int, int]]:
    """Where `text` has one of the words, or another form of it: [start, end) in characters.

    In order, none touching another's characters. Of an identifier it is the whole of it that is
    meant, or else the component that has the word ("server" in "web.ServerPool": "ServerPool").
    """
    terms = {term for term, _ in analyse(" ".join(matched_words))}
    return list(_found(text, terms)) if terms else []


def _found(text: str, terms: set[str]) -> Iterator[tuple[int, int]]:
    for compound in _COMPOUND.finditer(text):
        made = terms_of(compound[0])
        if not terms.intersection(made):
            continue
        if made[0] in terms:
            yield compound.span()
            continue
        for component in _COMPONENT.finditer(compound[0]):
            if not terms.isdisjoint(terms_of(component[0])):
                yield compound.start() + component.start(), compound.start() + component.end()
