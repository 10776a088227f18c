"""What incidents have in common, in a few words: rare terms that most have, and their CIs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from search.likeness import Told

MOST = 0.6
"""Share of the members from which a term, or a CI, is common to them."""

_SHORTEST = 3  # letters; shorter words say nothing alone


def common_terms(texts: Sequence[Told], idf: Mapping[str, float], limit: int = 8) -> list[str]:
    """The words that most of these texts have, best first: by share of the texts × rarity.

    Parts of an identifier that is among them already, and numbers alone, are left out.
    """
    having = Counter(term for text in texts for term in text.counts)
    common = [term for term, count in having.items() if count >= MOST * len(texts)]
    common.sort(key=lambda term: (-having[term] * idf[term], -len(term), term))
    words: list[str] = []
    for term in common:
        word = _word(texts, term)
        if not _tells(word) or any(word in other or other in word for other in words):
            continue
        words.append(word)
        if len(words) == limit:
            break
    return words


def common_cis(named: Iterable[Iterable[str]]) -> list[tuple[str, int]]:
    """The CIs that incidents are about, with how many of them; those of most incidents first."""
    counted = Counter(name for names in named for name in dict.fromkeys(names))
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


def name_of(terms: Sequence[str], cis: Sequence[tuple[str, int]], count: int) -> str:
    """A name for what `count` incidents have in common: "pool, exhausted on db-orders-01"."""
    words = ", ".join(terms[:4])
    most = [name for name, with_it in cis if with_it >= MOST * count][:2]
    if not most:  # none is of most of them: the one of most incidents, if that is more than one
        most = [name for name, with_it in cis[:1] if with_it > 1]
    if not most:
        return words
    place = " and ".join(most)
    return f"{words} on {place}" if words else place


def _word(texts: Sequence[Told], term: str) -> str:
    """How the term is mostly written."""
    written = Counter(text.words[term] for text in texts if term in text.words)
    return min(written, key=lambda word: (-written[word], word))


def _tells(word: str) -> bool:
    return len(word) >= _SHORTEST and any(sign.isalpha() for sign in word)
