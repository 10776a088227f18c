"""Everyday words for what records call by its technical name: "sticker" for a label.

The groups are in `search/glossary/synonyms.txt`, written for service desks. One step only, never
from synonym to synonym: words of several senses would join what has nothing in common.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from search.terms import analyse

WEIGHT = 0.4
"""What a synonym counts, against the word that was said. Of .15, .3 and .5 the last did best on the
judged questions (docs/quality.md), and from .3 on bug reports lost a little."""

_LONGEST = 3
"""Terms of the longest phrase that is looked up."""

Phrase = tuple[str, ...]


def synonyms(terms: Sequence[str]) -> dict[str, float]:
    """Terms that could have been said for some of `terms` (in order), with what each counts.

    The terms of a phrase share its weight. What was said itself is left out.
    """
    groups = _groups()
    said = frozenset(terms)
    found: dict[str, float] = {}
    for start in range(len(terms)):
        for length in range(_LONGEST, 0, -1):
            phrase = tuple(terms[start : start + length])
            others = groups.get(phrase)
            if others is None or len(phrase) < length:
                continue
            for other in others:
                for term in other:
                    if term not in said:
                        found[term] = max(found.get(term, 0.0), WEIGHT / len(other))
            break
    return found


@cache
def _groups() -> dict[Phrase, list[Phrase]]:
    """By the terms of a phrase, the others of its groups."""
    others: dict[Phrase, list[Phrase]] = defaultdict(list)
    text = files("search.glossary").joinpath("synonyms.txt").read_text("utf-8")
    for line in text.splitlines():
        phrases = [tuple(term for term, _ in analyse(said)) for said in line.split(" | ")]
        group = [phrase for phrase in dict.fromkeys(phrases) if phrase]
        for phrase in group:
            others[phrase] += [other for other in group if other != phrase]
    return dict(others)
