"""Which language a line is in: English, or one of those that there is a glossary for."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files

from search.folding import fold


class Language(StrEnum):
    """Languages that are recognised beside English, by their ISO 639-1 codes."""

    GERMAN = "de"
    FRENCH = "fr"


# What a word that both languages have counts against one that is of one language alone.
_AMBIGUOUS = 0.3

_PUNCTUATION = ".,;:!?()«»„“”\"'’…"
# "nicht" and "pas" cannot be anything else, and matter: they are not left out of a search.
_TELLING = 2
# One function word alone may be a command or a name ("du", "la").
_LEAST = 2
# Less than one function word in so many is a chance hit in a table or a log line.
_WORDS_A_FUNCTION_WORD = 8


def language_of(line: str) -> Language | None:
    """None for English, and for what is too short or too technical to tell."""
    words = [word for said in fold(line).casefold().split() if (word := _bare(said))]
    if _any_language().isdisjoint(words):
        return None
    english = sum(word in _english() for word in words)
    best, most = None, float(english)
    for language in Language:
        own, shared = function_words(language)
        sure = sum(word in own for word in words) + _TELLING * sum(
            word in telling_words(language) for word in words
        )
        perhaps = sum(word in shared for word in words)
        said = sure + _AMBIGUOUS * perhaps
        if (
            sure
            and sure + perhaps >= _LEAST
            and said > most
            and said * _WORDS_A_FUNCTION_WORD >= len(words)
        ):
            best, most = language, said
    return best


def _bare(said: str) -> str:
    """A word of a sentence without its punctuation and elision ("l'ecran" is "ecran"); empty for a
    part of a path, for a name with a number, for one letter."""
    word = said.strip(_PUNCTUATION)
    if word.isalpha():
        return word if len(word) > 1 else ""
    article, _, rest = word.replace("’", "'").partition("'")
    return rest if rest.isalpha() and article.isalpha() and len(rest) > 1 else ""


@cache
def _any_language() -> frozenset[str]:
    """Words of which a line in any of the languages has one."""
    return frozenset().union(
        *(function_words(language)[0] | telling_words(language) for language in Language)
    )


@cache
def function_words(language: Language) -> tuple[frozenset[str], frozenset[str]]:
    """Its function words, folded: those of it alone, and those that are words elsewhere too."""
    both = _words_of(language, "ambiguous.txt")
    own = frozenset(fold(word) for word in _lines(f"stop_{language}.txt")) - both - _english()
    return own, both


@cache
def stop_words(language: Language) -> frozenset[str]:
    """All its function words, folded: they say nothing in a search for words."""
    own, shared = function_words(language)
    return own | shared


@cache
def _english() -> frozenset[str]:
    """English words by which a line is taken to be English: German and French lack them."""
    return frozenset(_lines("english.txt"))


@cache
def telling_words(language: Language) -> frozenset[str]:
    """Words that tell a language, folded, and say something in a search as well."""
    return _words_of(language, "telling.txt")


def _words_of(language: Language, name: str) -> frozenset[str]:
    pairs = (line.split("\t") for line in _lines(name))
    return frozenset(fold(word) for code, word in pairs if code == language)


def _lines(name: str) -> Iterable[str]:
    text = files("search.glossary").joinpath(name).read_text("utf-8")
    return [line for line in text.splitlines() if line]
