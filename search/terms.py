"""From text to index terms: folded, split, stop words left out, stemmed."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import tantivy

# A term longer than this is an encoded blob; its beginning is enough to find it again.
MAX_TERM_CHARACTERS = 64

# Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET (Apache-2.0). Longer lists drop words that
# carry meaning in an incident ("down", "out", "over", "up").
# fmt: off
STOP_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there",
    "these", "they", "this", "to", "was", "will", "with",
))
# fmt: on

_COMBINING_MARKS = re.compile("[\u0300-\u036f]+")
_COMPOUND = re.compile(r"\w+(?:[.-]\w+)*")
_COMPONENT = re.compile(r"[^\W_]+")
# "HTTPServerError502" -> HTTP, Server, Error, 502
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

_stemmer = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.stemmer("english"))
    .build()
)


def fold(text: str) -> str:
    """`text` without accents and compatibility forms, case kept ("Gerät" -> "Gerat")."""
    if text.isascii():
        return text
    return unicodedata.normalize(
        "NFC", _COMBINING_MARKS.sub("", unicodedata.normalize("NFKD", text))
    )


def split_words(text: str) -> Iterator[str]:
    """The words of `text`, lower case, each identifier whole and then in its parts.

    "NameNodeRpcServer.addBlock" gives itself, "namenoderpcserver", "name", "node", "rpc",
    "server", "addblock", "add", "block".
    """
    for compound in _COMPOUND.finditer(fold(text)):
        whole = compound[0]
        components = _COMPONENT.findall(whole)
        if components != [whole]:
            yield _bounded(whole)
        for component in components:
            yield _bounded(component)
            parts = _CAMEL.findall(component) if component.isascii() else ()
            if len(parts) > 1:
                # One letter alone ("k", "8", "s") says nothing that the whole does not say.
                yield from (_bounded(part) for part in parts if len(part) > 1)


def analyse(text: str) -> Iterator[tuple[str, str]]:
    """The index terms of `text` in order, each with the word that it was made of."""
    return ((_stem(word), word) for word in split_words(text) if word not in STOP_WORDS)


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """The English (Snowball) stem of a lower-case word; other languages' words stay themselves
    or lose an ending, in documents and queries alike."""
    stemmed: list[str] = _stemmer.analyze(word)
    return stemmed[0] if stemmed else word


def _bounded(word: str) -> str:
    return word.casefold()[:MAX_TERM_CHARACTERS]
