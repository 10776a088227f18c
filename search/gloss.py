"""German and French word by word in English, as far as an English model needs it to understand.

Not a translation: the glossary gives each word its likeliest sense in a service desk's texts, and
what it does not know stays as it is. `search/glossary/` holds the words.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from search.folding import fold
from search.languages import Language, language_of, stop_words

VERSION = 1
"""Raised whenever the glossary changes what is encoded of a text."""

_LONGEST_PHRASE = 4
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|lorsqu|jusqu|puisqu)['’](?=\w)", re.I)
_ENDINGS = {
    Language.GERMAN: ("en", "er", "es", "em", "e", "n", "s"),
    Language.FRENCH: ("es", "s", "e", "x"),
}
# Between the parts of a German compound: Bestellungs-fehler, Kunden-konto, Bilder-dienst.
_JOINTS = ("", "s", "n", "en", "es", "er", "e")
_SHORTEST_PART = 3
_LONGEST_COMPOUND = 40
_NO_PARTS = frozenset(("bar", "los", "end", "hin", "her", "mal"))


@dataclass(frozen=True, slots=True)
class Glossary:
    """The words of one language, lower case, with their English: as written, and folded."""

    language: Language
    english: dict[str, str]

    def look_up(self, word: str) -> str | None:
        """The English of a lower-case word, or of the parts of a compound."""
        found = self._inflected(word) or self._inflected(fold(word))
        if found is None and self.language is Language.GERMAN:
            found = self._compound(fold(word)[:_LONGEST_COMPOUND])
        return found

    def phrase(self, words: list[str], start: int) -> tuple[str, int] | None:
        """The longest phrase of several words that begins at `start`, and how many it has."""
        for length in range(min(_LONGEST_PHRASE, len(words) - start), 1, -1):
            found = self.english.get(" ".join(words[start : start + length]))
            if found is not None:
                return found, length
        return None

    def _inflected(self, word: str) -> str | None:
        found = self.english.get(word)
        for ending in _ENDINGS[self.language]:
            if found is not None:
                break
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_PART:
                found = self.english.get(word[: -len(ending)])
        return found

    def _compound(self, word: str, depth: int = 2) -> str | None:
        """ "bestellmaske" is bestell + maske. The longest last part first."""
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            head = self._inflected(word[cut:])
            if head is None or not self._is_part(word[cut:]):
                continue
            modifier = self._modifier(word[:cut], depth)
            if modifier is not None:
                return f"{modifier} {head}"
        return None

    def _is_part(self, word: str) -> bool:
        """No function word: "Dortmund" is not "dort Mund", nor "Hermann" "her Mann"."""
        return len(word) >= _SHORTEST_PART and word not in _no_parts(self.language)

    def _modifier(self, word: str, depth: int) -> str | None:
        for joint in _JOINTS:
            if word.endswith(joint):
                bare = word[: len(word) - len(joint)]
                found = self.english.get(bare) or self.english.get(bare + "e")
                if found is not None and self._is_part(bare):
                    return found
        return self._compound(word, depth - 1) if depth else None


def in_english(text: str) -> str:
    """`text` with every line that is German or French glossed, the others as they are."""
    return "\n".join(
        _glossed(line, language) if (language := language_of(line)) else line
        for line in text.split("\n")
    )


def english_of(line: str, language: Language) -> list[tuple[str, str]]:
    """Each word or phrase of a line that the glossary has, as written, with its English."""
    return [(line[start:end], english) for start, end, english in _found(line, language)]


@cache
def _no_parts(language: Language) -> frozenset[str]:
    return stop_words(language) | _NO_PARTS


@cache
def glossary(language: Language) -> Glossary:
    words: dict[str, str] = {}
    text = files("search.glossary").joinpath(f"{language}.tsv").read_text("utf-8")
    for line in text.splitlines():
        word, english = line.split("\t")
        words[word] = english
    for word, english in list(words.items()):
        words.setdefault(fold(word), english)
        words.setdefault(_spelt_out(word), english)  # without umlauts on the keyboard
    return Glossary(language, words)


def _glossed(line: str, language: Language) -> str:
    line = _ELISION.sub("", line) if language is Language.FRENCH else line
    pieces, end = [], 0
    for start, stop, english in _found(line, language):
        pieces += [line[end:start], english]
        end = stop
    return "".join([*pieces, line[end:]])


def _found(line: str, language: Language) -> list[tuple[int, int, str]]:
    """(start, end, English) of what the glossary has, in order."""
    spans = [match.span() for match in _WORD.finditer(line)]
    words = [line[start:end].casefold() for start, end in spans]
    known = glossary(language)
    found: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        phrase = known.phrase(words, at)
        if phrase is not None:
            english, length = phrase
            found.append((spans[at][0], spans[at + length - 1][1], english))
            at += length
            continue
        english_word = _look_up(language, words[at])
        if english_word is not None:
            found.append((*spans[at], english_word))
        at += 1
    return found


@lru_cache(maxsize=50_000)
def _look_up(language: Language, word: str) -> str | None:
    return glossary(language).look_up(word)


def _spelt_out(word: str) -> str:
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        word = word.replace(umlaut, letters)
    return word
