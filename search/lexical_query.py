"""What to look for in the lexical index, made of the text of a question."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from search.lexical_fields import TermCounts, idf
from search.synonyms import synonyms
from search.terms import analyse

# The rarest terms of a long query carry it: on the hadoop set nDCG@10 was .651 with 32, .673 with
# 64, .655 with 128 and .656 with all of them; and time is bounded (bench/lexical.py).
MAX_QUERY_TERMS = 64

# What is added to them of words that could have been said instead.
MAX_SYNONYMS = 32

# A key (an error code, the name of an exception) counts as if it had been said twice. On the judged
# sets that changes nothing, three times costs .009 and .011 (docs/quality.md).
KEY_COUNTS = 2


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """The terms that are looked for, how often each counts, and what it is worth."""

    counts: dict[str, int]
    """The rarest terms that any document has."""
    idf: dict[str, float]
    """Inverse document frequency of those, and of the words that no document has."""
    words: dict[str, str]
    """The word of the query behind each term."""
    synonyms: dict[str, float]
    """Terms that could have been said instead, and what each counts: they help to find, and are no
    part of what was found of the query."""
    distinct: int
    """Different terms of the text, those that are not looked for among them."""
    keys: frozenset[str]
    """The words of the query that name a fault."""
    weights: dict[str, float] = field(default_factory=dict)
    """What BM25 weighs each term by that is looked for, synonyms among them: how often it counts,
    times its inverse document frequency."""
    corrections: dict[str, float] = field(default_factory=dict)
    """What tantivy's weight of a term is multiplied by, where it counted documents that the
    caller may not read."""


def query_of(
    text: str, keys: Iterable[str], count: Callable[[Collection[str]], TermCounts]
) -> LexicalQuery:
    """The terms of `text` that are worth looking for; `count` says how rare each is.

    `keys` are those words of the text that name a fault: they count more, and are always among the
    terms that are looked for.
    """
    said = list(analyse(text))
    counts = Counter(term for term, _ in said)
    words: dict[str, str] = {}
    for term, word in said:
        words.setdefault(term, word)
    distinct = len(counts)
    others = synonyms([term for term, _ in said])
    counted = count([*counts, *others])
    frequency = counted.frequencies
    # The first term of a key is the whole of it; its parts are words like others.
    whole = {term for key in keys for term, _ in islice(analyse(key), 1)}.intersection(counts)
    for term in whole:
        counts[term] *= KEY_COUNTS
    known = sorted(_rarest(counts, frequency), key=lambda term: term not in whole)[:MAX_QUERY_TERMS]
    # A word that no document has says that this is something new. A number or an id that no
    # document has says nothing: ids, times and addresses are always new. And a word that is there
    # in another form, its English one, is not strange.
    there = {words[term] for term in counts if frequency[term]}
    strange = [
        term
        for term in counts
        if not frequency[term] and term.isalpha() and words[term] not in there
    ]
    considered = [*known, *strange[:MAX_QUERY_TERMS]]
    instead = {term: others[term] for term in _rarest(others, frequency)[:MAX_SYNONYMS]}
    looked_for = {term: counts[term] for term in known} | instead
    return LexicalQuery(
        {term: counts[term] for term in known},
        {term: idf(frequency[term], counted.documents) for term in considered},
        {term: words[term] for term in considered},
        instead,
        distinct,
        frozenset(words[term] for term in whole),
        {
            term: count * idf(frequency[term], counted.documents)
            for term, count in looked_for.items()
        },
        counted.corrections,
    )


def _rarest(terms: Iterable[str], frequency: Mapping[str, int]) -> list[str]:
    """Those of `terms` that any document has, the rarest first."""
    return sorted((term for term in terms if frequency[term]), key=frequency.__getitem__)
