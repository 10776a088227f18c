"""From text to index terms: folded, split, stop words left out, stemmed."""

import re
from collections.abc import Iterator
from functools import lru_cache

import tantivy

from search.folding import fold
from search.gloss import english_of
from search.languages import Language, language_of, stop_words

ANALYSIS = 2
"""Raised whenever a text gives other terms than before, so that saved indexes are made anew."""

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

_COMPOUND = re.compile(r"\w+(?:[.-]\w+)*")
_COMPONENT = re.compile(r"[^\W_]+")
# "HTTPServerError502" -> HTTP, Server, Error, 502
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# Snowball's, by tantivy; None is English, and whatever is not recognised as another language.
_STEMMERS = {
    language: tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.stemmer(name))
    .build()
    for language, name in (
        (None, "english"),
        (Language.GERMAN, "german"),
        (Language.FRENCH, "french"),
    )
}


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
    """The index terms of `text` in order, each with the word that it was made of.

    Words are stemmed as the language of their line asks. A German or French line gives the English
    of its words as well, so that each language finds the other.
    """
    for line in text.splitlines():
        language = language_of(line)
        if language is None:
            yield from _terms(line, None, STOP_WORDS)
            continue
        yield from _terms(line, language, stop_words(language))
        for written, english in english_of(line, language):
            word = fold(written).casefold()
            for term, _ in _terms(english, None, STOP_WORDS):
                yield term, word


def terms_of(word: str) -> tuple[str, ...]:
    """The index terms of one word of a text: those of `analyse`, remembered, since whoever looks
    for the terms of a question in the answers to it meets the same words again and again."""
    return _remembered(word) if len(word) <= MAX_TERM_CHARACTERS else _remembered.__wrapped__(word)


@lru_cache(maxsize=50_000)
def _remembered(word: str) -> tuple[str, ...]:
    return tuple(term for term, _ in analyse(word))


def _terms(
    line: str, language: Language | None, left_out: frozenset[str]
) -> Iterator[tuple[str, str]]:
    return ((_stem(word, language), word) for word in split_words(line) if word not in left_out)


@lru_cache(maxsize=100_000)
def _stem(word: str, language: Language | None) -> str:
    """The Snowball stem of a lower-case word."""
    stemmed: list[str] = _STEMMERS[language].analyze(word)
    return stemmed[0] if stemmed else word


def _bounded(word: str) -> str:
    return word.casefold()[:MAX_TERM_CHARACTERS]
