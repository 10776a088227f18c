"""The lexical index: BM25 over analysed terms, held in memory by tantivy.

Why tantivy, and what it was measured against: docs/decisions/0004-lexical-engine.md. Terms are
made by `terms.py` alone, and queries are put together from terms, never parsed: no text can be a
query's syntax.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import tantivy

from search.terms import analyse

# The rarest terms of a long query carry it: on the hadoop set nDCG@10 was .651 with 32, .673 with
# 64, .655 with 128 and .656 with all of them; and time is bounded (bench/lexical.py).
MAX_QUERY_TERMS = 64

# A key (an error code, the name of an exception) counts as if it had been said twice. On the judged
# sets that changes nothing, three times costs .009 and .011 (docs/quality.md).
KEY_COUNTS = 2

# Sums of different powers of two below 2^24 are exact in the 32-bit floats that scores are.
_EXACT_BITS = 24

# The least that tantivy takes for one writing thread.
_WRITER_HEAP = 15_000_000


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """A document as the index takes it."""

    id: int
    kind: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """The terms that are looked for, how often each counts, and what it is worth."""

    counts: dict[str, int]
    """The rarest terms that any document has."""
    idf: dict[str, float]
    """Inverse document frequency of those, and of the words that no document has."""
    words: dict[str, str]
    """The word of the query behind each term."""


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """What of a query a document has."""

    share: float
    """0 to 1: the share of the query's idf mass. Comparable across queries."""
    words: list[str]
    """The query's words that matched, rarest first."""


class LexicalIndex:
    """Any number of threads may read; writers must take turns."""

    def __init__(self) -> None:
        self._schema = _schema()
        self._index = tantivy.Index(self._schema)
        spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("terms", spaces)
        self._writer = self._index.writer(_WRITER_HEAP, 1)
        self._searcher = self._index.searcher()
        self._ids: set[int] = set()
        self._replaced = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def replaced(self) -> int:
        """Entries taken out since the index was made. Until tantivy merges their segments they
        still count in document frequencies (never in answers); many of them call for a rebuild.
        """
        return self._replaced

    def apply(self, put: Iterable[LexicalEntry] = (), remove: Collection[int] = ()) -> None:
        """Take out `remove`, add or replace `put`; searches see all of it at once, or none."""
        for id_ in self._ids.intersection(remove):
            self._delete(id_)
        for entry in put:
            if entry.id in self._ids:
                self._delete(entry.id)
            self._writer.add_document(_document(entry))
            self._ids.add(entry.id)
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def query(self, text: str, keys: Iterable[str] = ()) -> LexicalQuery:
        """What to look for, of any text; the same on every index that holds the same documents.

        `keys` are those words of it that name a fault: they count more, and are always among the
        terms that are looked for.
        """
        searcher = self._searcher
        counts: Counter[str] = Counter()
        words: dict[str, str] = {}
        for term, word in analyse(text):
            counts[term] += 1
            words.setdefault(term, word)
        frequency = {term: searcher.doc_freq("all", term) for term in counts}
        # The first term of a key is the whole of it; its parts are words like others.
        whole = {term for key in keys for term, _ in islice(analyse(key), 1)}.intersection(counts)
        for term in whole:
            counts[term] *= KEY_COUNTS
        known = sorted(
            (term for term in counts if frequency[term]),
            key=lambda term: (term not in whole, frequency[term]),
        )[:MAX_QUERY_TERMS]
        # A word that no document has says that this is something new. A number or an id that no
        # document has says nothing: ids, times and addresses are always new.
        strange = [term for term in counts if not frequency[term] and term.isalpha()]
        considered = [*known, *strange[:MAX_QUERY_TERMS]]
        return LexicalQuery(
            {term: counts[term] for term in known},
            {term: _idf(frequency[term], searcher.num_docs) for term in considered},
            {term: words[term] for term in considered},
        )

    def search(
        self,
        query: LexicalQuery,
        limit: int,
        *,
        field: str = "all",
        kinds: Collection[str] | None = None,
        among: Sequence[int] | None = None,
    ) -> dict[int, float]:
        """BM25 by id, best first, of documents that have any of the terms.

        `field` is "all" (title and text) or "title"; `kinds` and `among` (ids) leave the rest out.
        """
        if not query.counts or not limit:
            return {}
        clauses = [(tantivy.Occur.Must, self._any_term(query, field))]
        if kinds is not None:
            clauses.append(self._restriction("kind", list(kinds)))
        if among is not None:
            clauses.append(self._restriction("id", list(among)))
        return dict(_found(self._searcher, clauses, limit))

    def matches(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """What each document of `ids` has of the query; those that have nothing are left out."""
        if not query.counts or not ids:
            return {}
        held = self._held_terms(query, ids)
        whole = sum(query.idf.values())
        matches = {}
        for id_, terms in held.items():
            # Of equally rare ones the longer first: the identifier, then its parts.
            terms.sort(key=lambda term: (-query.idf[term], -len(term), term))
            matches[id_] = LexicalMatch(
                sum(query.idf[term] for term in terms) / whole,
                [query.words[term] for term in terms],
            )
        return matches

    def _held_terms(self, query: LexicalQuery, ids: Sequence[int]) -> dict[int, list[str]]:
        """Which of the query's terms each document has.

        Read off the postings: each term scores a power of two of its own, so that a document's
        score says in binary which it has. That needs no stored text and no analysis.
        """
        held: dict[int, list[str]] = {}
        searcher = self._searcher
        terms = list(query.counts)
        for start in range(0, len(terms), _EXACT_BITS):
            group = terms[start : start + _EXACT_BITS]
            scored = tantivy.Query.boolean_query(
                [
                    (
                        tantivy.Occur.Should,
                        tantivy.Query.const_score_query(self._term(term, "all"), float(1 << bit)),
                    )
                    for bit, term in enumerate(group)
                ]
            )
            clauses = [(tantivy.Occur.Must, scored), self._restriction("id", list(ids))]
            for id_, score in _found(searcher, clauses, len(ids)):
                bits = int(score)
                held.setdefault(id_, []).extend(
                    term for bit, term in enumerate(group) if bits >> bit & 1
                )
        return held

    def _any_term(self, query: LexicalQuery, field: str) -> tantivy.Query:
        return tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.boost_query(self._term(term, field), float(count)),
                )
                for term, count in query.counts.items()
            ]
        )

    def _term(self, term: str, field: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, term, "freq")

    def _restriction(
        self, field: str, values: list[str] | list[int]
    ) -> tuple[tantivy.Occur, tantivy.Query]:
        """A clause that must hold and adds nothing to the score."""
        held = tantivy.Query.term_set_query(self._schema, field, values)
        return tantivy.Occur.Must, tantivy.Query.const_score_query(held, 0.0)

    def _delete(self, id_: int) -> None:
        self._writer.delete_documents_by_term("id", id_)
        self._ids.discard(id_)
        self._replaced += 1


def _found(
    searcher: tantivy.Searcher, clauses: list[tuple[tantivy.Occur, tantivy.Query]], limit: int
) -> list[tuple[int, float]]:
    """Id and score of the best, best first."""
    hits = searcher.search(tantivy.Query.boolean_query(clauses), limit, count=False).hits
    ids = searcher.fast_field_values("id", [address for _, address in hits])
    return [
        (int(id_), score)
        for id_, (score, _) in zip(ids, hits, strict=True)
        if id_ is not None  # every document has one; the field's type does not know
    ]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # Signed on purpose: deleting by term makes a signed term of a Python int, and on an unsigned
    # field would delete nothing, silently (tantivy-py 0.27).
    builder.add_integer_field("id", indexed=True, fast=True)
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="terms", index_option="freq")
    builder.add_text_field("all", tokenizer_name="terms", index_option="freq")
    return builder.build()


def _document(entry: LexicalEntry) -> tantivy.Document:
    title = _analysed(entry.title)
    document = tantivy.Document()
    document.add_integer("id", entry.id)
    document.add_text("kind", entry.kind)
    document.add_text("title", title)
    document.add_text("all", f"{title} {_analysed(entry.text)}")
    return document


def _analysed(text: str) -> str:
    return " ".join(term for term, _ in analyse(text))


def _idf(frequency: int, documents: int) -> float:
    """BM25's inverse document frequency, as Lucene and tantivy count it (never negative)."""
    # Removed entries may count in `frequency` for a while, so it can exceed `documents`.
    return math.log(1 + (max(documents - frequency, 0) + 0.5) / (frequency + 0.5))
