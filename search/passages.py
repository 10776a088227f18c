"""Splitting a document into the short passages that are encoded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

# 120 words beat 180 on both judged sets (docs/decisions/0005-fusion.md).
PASSAGE_WORDS = 120

# all-MiniLM-L6-v2 reads 256 word pieces and drops the rest. Prose of 120 words is about 170;
# stack traces and labels run to one piece every three to four characters, so a passage is
# bounded in characters too.
PASSAGE_CHARACTERS = 1000

# A megabyte of pasted log is not worth an hour of encoding: the first 64 passages (some 7,500
# words) are encoded. The lexical index still holds the whole text.
MAX_PASSAGES = 64

_FENCE = re.compile(r"^\s*(```|~~~|\{code[^}]*\}|\{noformat[^}]*\})")
_SENTENCE = re.compile(r".+?(?:[.!?]+\s+|$)", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+$")
_WORD = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    words: int

    def joined(self, following: "_Span") -> "_Span":
        return _Span(self.start, following.end, self.words + following.words)

    def fits(self, words: int) -> bool:
        return self.words <= words and self.end - self.start <= PASSAGE_CHARACTERS


def split_into_passages(title: str, text: str, *, words: int = PASSAGE_WORDS) -> list[str]:
    """Passages of at most about `words` words, in order, each with the title before it.

    Cuts fall between blocks (paragraphs, code blocks) where they can, else between lines,
    sentences, words. A document without text has one passage, its title; an empty one has none.
    """
    heading = " ".join(title.split())[:PASSAGE_CHARACTERS]
    # Nothing beyond this can reach a passage, and a bound keeps the splitting itself quick.
    readable = text[: MAX_PASSAGES * PASSAGE_CHARACTERS]
    whole = _Span(0, len(readable), _count_words(readable))
    pieces = (readable[s.start : s.end].strip() for s in _split(readable, whole, words, 0))
    passages = [f"{heading}\n{piece}".strip() for piece in pieces if piece]
    return (passages or ([heading] if heading else []))[:MAX_PASSAGES]


def _split(text: str, span: _Span, words: int, level: int) -> list[_Span]:
    """`span` cut at the coarsest level that yields pieces that fit, small neighbours joined."""
    if span.fits(words):
        return [span]
    pieces: list[_Span] = []
    for start, end in _LEVELS[level](text[span.start : span.end]):
        part = _Span(
            span.start + start,
            span.start + end,
            _count_words(text[span.start + start : span.start + end]),
        )
        # The finest level cuts by length alone: its parts fit, whatever they hold.
        finest = level + 1 == len(_LEVELS)
        for piece in [part] if finest else _split(text, part, words, level + 1):
            if pieces and pieces[-1].joined(piece).fits(words):
                pieces[-1] = pieces[-1].joined(piece)
            else:
                pieces.append(piece)
    return pieces


def _count_words(text: str) -> int:
    return len(text.split())


def _blocks(text: str) -> list[tuple[int, int]]:
    """Paragraphs and fenced code blocks; a Markdown heading stays with what follows it."""
    cuts = [0]
    fenced = after_blank = after_heading = False
    for line in _LINE.finditer(text):
        blank = not line[0].strip()
        if _FENCE.match(line[0]):
            fenced = not fenced
        if after_blank and not blank and not after_heading:
            cuts.append(line.start())
        if not blank:
            after_heading = not fenced and line[0].startswith("#")
        after_blank = blank and not fenced
    return _between([*cuts, len(text)])


def _matches(pattern: re.Pattern[str]) -> Callable[[str], list[tuple[int, int]]]:
    return lambda text: [match.span() for match in pattern.finditer(text)]


def _by_length(text: str) -> list[tuple[int, int]]:
    return _between([*range(0, len(text), PASSAGE_CHARACTERS), len(text)])


def _between(cuts: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in pairwise(cuts) if b > a]


_LEVELS = (_blocks, _matches(_LINE), _matches(_SENTENCE), _matches(_WORD), _by_length)
