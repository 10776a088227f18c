"""The part of a document that shows why it was found."""

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from search import repository
from search.retriever import Hit
from search.terms import analyse, terms_of

EXCERPT_CHARACTERS = 280
_ELLIPSIS = "…"

# Words shown before the first matched one, so that the excerpt reads as a sentence.
_LEAD = 4


def excerpts(session: Session, hits: Sequence[Hit]) -> list[str]:
    """For each hit the stretch of its best passage that has the most of the matched words."""
    passages = repository.passages(session, {hit.document: hit.passage for hit in hits})
    return [excerpt_of(hit.title, passages[hit.document], hit.matched_terms) for hit in hits]


def excerpt_of(
    title: str,
    passages: Sequence[str],
    matched_words: Iterable[str],
    *,
    length: int = EXCERPT_CHARACTERS,
) -> str:
    """At most about `length` characters on one line, from the passage with the most matched words.

    Passages begin with their document's title, which is left out unless there is nothing else.
    """
    terms = _terms(" ".join(matched_words))
    heading = " ".join(title.split())
    best = heading
    if len(passages) == 1:
        best = passages[0]
    elif passages:
        best = max(passages, key=lambda passage: len(_terms(passage) & terms))
    return trim_around(best.removeprefix(heading).strip() or heading, terms, length=length)


def trim_around(text: str, terms: set[str], *, length: int = EXCERPT_CHARACTERS) -> str:
    """The stretch of `text` with the most different of `terms` (index terms), its beginning where
    none occurs; cuts are marked with an ellipsis."""
    words = text.split()
    if sum(len(word) + 1 for word in words) <= length:
        return " ".join(words)
    held = [terms.intersection(terms_of(word)) for word in words]
    best_start, best_end, best_count = 0, _end_of(words, 0, length), 0
    for at in (i for i, found in enumerate(held) if found):
        start = max(0, at - _LEAD)
        end = _end_of(words, start, length)
        count = len(set().union(*held[start:end]))
        if count > best_count:
            best_start, best_end, best_count = start, end, count
    return (
        (f"{_ELLIPSIS} " if best_start else "")
        + " ".join(words[best_start:best_end])[:length]
        + (f" {_ELLIPSIS}" if best_end < len(words) else "")
    )


def _terms(text: str) -> set[str]:
    return {term for term, _ in analyse(text)}


def _end_of(words: Sequence[str], start: int, length: int) -> int:
    """The first word after `start` that no longer fits into `length` characters."""
    left = length
    for end in range(start, len(words)):
        left -= len(words[end]) + 1
        if left < 0:
            return max(end, start + 1)
    return len(words)
