"""The fields of the lexical index, and what they say of how rare a term is."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import tantivy

from opsatlas.groups import EVERYONE, may_read
from search.shelves import Shelf, readable


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """A document as the index takes it."""

    id: int
    shelf: Shelf
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Committed:
    """What readers see: replaced as a whole by each write."""

    searcher: tantivy.Searcher
    shelves: Mapping[Shelf, int]
    """How many documents stand on each."""


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How rare terms are for one caller."""

    frequencies: dict[str, int]
    """In how many of the documents each is."""
    documents: int
    """How many documents the caller may read."""
    corrections: dict[str, float] = field(default_factory=dict)
    """What tantivy's weight of a term, which it takes from all documents, is multiplied by."""


def schema() -> tantivy.Schema:
    """The fields; those of terms want a tokenizer `terms` that splits at spaces."""
    builder = tantivy.SchemaBuilder()
    # Signed on purpose: deleting by term makes a signed term of a Python int, and on an unsigned
    # field would delete nothing, silently (tantivy-py 0.27).
    builder.add_integer_field("id", indexed=True, fast=True)
    builder.add_text_field("shelf", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("all", tokenizer_name="terms", index_option="freq")
    # The terms of restricted documents once more, bare and by audience: see `count_terms`.
    builder.add_text_field("restricted", tokenizer_name="terms", index_option="basic")
    builder.add_text_field("audience", tokenizer_name="terms", index_option="basic")
    return builder.build()


def document_of(entry: LexicalEntry, terms: Iterable[str]) -> tantivy.Document:
    """The entry, by the terms of its title and text."""
    whole = " ".join(terms)
    document = tantivy.Document()
    document.add_integer("id", entry.id)
    document.add_text("shelf", shelf_token(entry.shelf))
    document.add_text("all", whole)
    audience = entry.shelf.audience
    if audience != EVERYONE:
        document.add_text("restricted", whole)
        document.add_text("audience", " ".join(_of(audience, term) for term in whole.split()))
    return document


def shelf_token(shelf: Shelf) -> str:
    """What names a shelf in the field of that name."""
    return f"{shelf.kind}\n{shelf.audience}"


def count_terms(
    committed: Committed, terms: Iterable[str], groups: frozenset[str] | None
) -> TermCounts:
    """How rare `terms` are among the documents that a caller in `groups` (None: all) may read.

    Where that is not all of them, those that are restricted are taken off and those that the
    caller may read put back: a few look-ups a term, however many documents or audiences there are.
    """
    searcher = committed.searcher
    whole = {term: searcher.doc_freq("all", term) for term in terms}
    audiences = {shelf.audience for shelf in committed.shelves} - {EVERYONE}
    mine = [audience for audience in audiences if may_read(audience, groups)]
    if len(mine) == len(audiences):
        return TermCounts(whole, searcher.num_docs)
    seen = dict(whole)
    for term, count in whole.items():
        restricted = searcher.doc_freq("restricted", term)
        if restricted:
            readable_too = (searcher.doc_freq("audience", _of(audience, term)) for audience in mine)
            seen[term] = count - restricted + sum(readable_too)
    documents = sum(committed.shelves[shelf] for shelf in readable(committed.shelves, groups))
    corrections = {
        term: idf(count, documents) / idf(whole[term], searcher.num_docs)
        for term, count in seen.items()
        if count
    }
    return TermCounts(seen, documents, corrections)


def idf(frequency: int, documents: int) -> float:
    """BM25's inverse document frequency, as Lucene and tantivy count it (never negative)."""
    # Removed entries may count in `frequency` for a while, so it can exceed `documents`.
    return math.log(1 + (max(documents - frequency, 0) + 0.5) / (frequency + 0.5))


def _of(audience: str, term: str) -> str:
    return f"{_digest(audience)}:{term}"


@lru_cache(maxsize=4096)
def _digest(audience: str) -> str:
    # An audience itself has spaces, at which the field is split.
    return hashlib.sha256(audience.encode()).hexdigest()[:16]
